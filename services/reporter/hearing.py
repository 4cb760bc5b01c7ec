"""Hears results: derives what follows from their records, marks sends as dirty, and acks when that is done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from services.reporter.deriving import Deriving
from services.reporter.feedback import Feedback
from services.reporter.summing import Summing
from services.reporter.webhooks.announcing import JUDGEABLE
from shared.bus.bundle import Grouper, open_grouper
from shared.bus.incoming import Incoming
from shared.bus.topology import results_queue
from shared.flow.envelope import ChunksDone, SmallSend
from shared.flow.lane import Lane
from shared.flow.order import Order
from shared.flow.record import Part
from shared.flow.report import own_report, settled
from shared.flow.send import Send
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import NONE, Step, Tracing, brought, carried, carrying, ended
from shared.store.connection import Store
from shared.taking import Source, Taking, read

PREFETCH: Final = 100
TOGETHER: Final = 50
"""Results heard together: one read, one mark and one message to a backend for all of them, not for each."""
LINGER: Final = timedelta(milliseconds=100)
"""No delivery waits for it, and each hearing costs the store a read and two inserts, however many it hears."""

Heard = tuple[ChunksDone, Mapping[str, object]]
"""A result and the headers that it came with."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """One process's hold on the queues of results."""

    store: Store
    taking: Taking
    deriving: Deriving
    feedback: Feedback
    summing: Summing
    metrics: Metrics
    tracing: Tracing | None = None

    async def run(self) -> None:
        """Works until asked to stop, then finishes what is in hand. The lanes are heard apart."""
        async with (
            open_grouper(self._flush, linger=LINGER, most=TOGETHER, in_flight=2) as now,
            open_grouper(self._flush, linger=LINGER, most=TOGETHER, in_flight=2) as bulk,
        ):
            groupers = {Lane.NOW: now, Lane.BULK: bulk}
            sources = [
                Source(results_queue(lane), PREFETCH, partial(self._message, grouper=grouper))
                for lane, grouper in groupers.items()
            ]
            await self.taking.run(sources)

    async def _message(self, incoming: Incoming, grouper: Grouper[Heard, None]) -> None:
        await grouper.put((read(ChunksDone, incoming), incoming.headers))
        await incoming.ack()

    async def _flush(self, group: list[Heard]) -> list[None]:
        results = [done for done, _ in group]
        steps = _steps(headers for _, headers in group) if self.tracing is not None else []
        if self.tracing is None or not steps:
            await self.hear(results)
        else:
            with self.tracing.steps("result", "consumer", steps):
                await self.hear(results)
        return [None] * len(group)

    async def hear(self, results: Sequence[ChunksDone]) -> None:
        """Everything that follows from these results. Safe to repeat."""
        small = {done.record: done.small for done in results if done.record is not None}
        found = await self.deriving.derive(small) if small else {}
        for key in {part.send for record, parts in found.items() if not small[record] for part in parts}:
            self.summing.dirty(key)
        await self._small(
            {one.key: one for sends in small.values() for one in sends},
            [part for record, parts in found.items() if small[record] for part in parts],
        )
        for key in {key for done in results for key in done.again}:
            await self._again(key)
        for one in [one for done in results for one in done.refused]:
            await self.feedback.rejected(one.key, one.problems, one.mark)

    async def _small(self, sends: Mapping[str, SmallSend], heard: Iterable[Part]) -> None:
        """Their reports are derived at every look; here it only matters whether they have just been finished.

        What was heard is mostly all that there is; only where it is not, the store is asked for the rest.
        """
        parts: dict[str, list[Part]] = {key: [] for key in sends}
        for part in heard:
            parts[part.send].append(part)
        open_ = [key for key, own in parts.items() if not settled(sends[key].routes, own)]
        parts |= await self.store.records.of_sends(open_) if open_ else {}
        finished = [
            (key, own_report(sends[key].routes, sends[key].accepted_at, own))
            for key, own in parts.items()
            if settled(sends[key].routes, own)
        ]
        self.metrics.sends_finished.inc(len(finished))
        ended(self.tracing, carried(), (key for key, _ in finished))
        await self.feedback.finished(finished)
        for key, one in finished:
            if one.total.planned >= JUDGEABLE:
                await self.deriving.announcing.summed(key, one.total)
        await self.deriving.announcing.finished(finished)

    async def _again(self, key: str) -> None:
        """Derives what is left of one send: a result was lost on the way, or the send was refused or closed."""
        send = await self.store.sends.get(key)
        if send is not None:
            with carrying({key: send.trace} if send.trace and self.tracing is not None else NONE):
                await self._derive(send)

    async def _derive(self, send: Send) -> None:
        key = send.key
        if send.problems:
            await self.feedback.rejected(key, send.problems)
            return
        standing = await self.store.orders.get(key)
        if standing is not None and standing.order is Order.PAUSED and standing.why:
            await self.feedback.paused(key, standing.why, await self.store.reports.get(key))
        await self.deriving.derive_unheard(key)
        if send.small:
            await self._small({key: SmallSend(key=key, routes=len(send.routes), accepted_at=send.accepted_at)}, ())
        else:
            self.summing.dirty(key)


def _steps(headers: Iterable[Mapping[str, object]]) -> list[Step]:
    """One for each sampled send, under the first of its chunks that were heard together, linked with the others."""
    traces: dict[str, list[str]] = {}
    for one in headers:
        for key, trace in brought([one]).items():
            traces.setdefault(key, []).append(trace)
    return [Step(key, some[0], tuple(some[1:])) for key, some in traces.items()]
