"""Hears results: derives what follows from their records, marks sends as dirty, and acks when that is done."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.reporter.deriving import Deriving
from services.reporter.feedback import Feedback
from services.reporter.summing import Summing
from shared.bus.incoming import Incoming
from shared.bus.topology import results_queue
from shared.flow.envelope import ChunksDone
from shared.flow.lane import Lane
from shared.flow.report import own_report
from shared.flow.send import Send
from shared.store.connection import Store
from shared.taking import Source, Taking, read

PREFETCH: Final = 50


@dataclass(frozen=True, slots=True)
class Hearing:
    """One process's hold on the queues of results."""

    store: Store
    taking: Taking
    deriving: Deriving
    feedback: Feedback
    summing: Summing

    async def run(self) -> None:
        """Works until asked to stop, then finishes what is in hand."""
        await self.taking.run([Source(results_queue(lane), PREFETCH, self._message) for lane in Lane])

    async def _message(self, incoming: Incoming) -> None:
        await self.hear(read(ChunksDone, incoming))
        await incoming.ack()

    async def hear(self, done: ChunksDone) -> None:
        """Everything that follows from this result. Safe to repeat."""
        if done.record is not None:
            parts = await self.deriving.derive([done.record])
            await self._sends({part.send for part in parts}, small=done.small)
        for key in done.again:
            await self._again(key)

    async def _sends(self, keys: Iterable[str], *, small: bool) -> None:
        if small:
            await self._small((await self.store.sends.many(keys)).values())
        else:
            for key in keys:
                self.summing.dirty(key)

    async def _small(self, sends: Iterable[Send]) -> None:
        """Their reports are derived at every look; here it only matters whether they have just been finished."""
        by_key = {send.key: send for send in sends}
        parts = await self.store.records.of_sends(by_key)
        reports = [(key, own_report(send, parts[key])) for key, send in by_key.items()]
        await self.feedback.finished((key, one) for key, one in reports if one.state == "finished")

    async def _again(self, key: str) -> None:
        """Derives what is left of one send: a result was lost on the way, or the send was refused or closed."""
        send = await self.store.sends.get(key)
        if send is None:
            return
        if send.problems:
            await self.feedback.rejected(key, send.problems)
            return
        await self.deriving.derive_unheard(key)
        await self._sends([key], small=send.small)
