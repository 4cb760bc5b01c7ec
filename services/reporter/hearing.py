"""Hears results: derives what follows from their records, marks sends as dirty, and acks when that is done."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pydantic import ValidationError

from services.reporter.deriving import Deriving
from services.reporter.feedback import Feedback
from services.reporter.summing import Summing
from shared.bus.connection import Bus
from shared.bus.consumer import Consumer
from shared.bus.errors import BusError
from shared.bus.incoming import Incoming
from shared.bus.topology import results_queue
from shared.flow.envelope import ChunksDone
from shared.flow.lane import Lane
from shared.flow.plan import own_plan
from shared.flow.record import Part
from shared.flow.report import Report, fold, report
from shared.flow.send import Send
from shared.runtime.clock import Clock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.errors import StoreAway

PREFETCH: Final = 50
TRY_AGAIN: Final = timedelta(seconds=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Hearing:
    """One process's hold on the queues of results."""

    store: Store
    bus: Bus
    clock: Clock
    metrics: Metrics
    life: Life
    deriving: Deriving
    feedback: Feedback
    summing: Summing

    async def run(self) -> None:
        """Works until asked to stop, then finishes what is in hand."""
        async with contextlib.AsyncExitStack() as consumers, asyncio.TaskGroup() as tasks:
            reading = []
            for lane in Lane:
                consumer = await consumers.enter_async_context(self.bus.consume(results_queue(lane), prefetch=PREFETCH))
                reading.append(consumer)
                tasks.create_task(self._read(consumer, lane))
            await self.life.stopping.wait()
            for consumer in reading:
                await consumer.stop()

    async def _read(self, consumer: Consumer, lane: Lane) -> None:
        async with asyncio.TaskGroup() as messages:
            async for incoming in consumer:
                messages.create_task(self._message(incoming, lane))

    async def _message(self, incoming: Incoming, lane: Lane) -> None:
        try:
            done = ChunksDone.model_validate_json(incoming.body)
        except ValidationError:
            self.metrics.dead_letters.labels(results_queue(lane)).inc()
            await self.bus.bury(incoming, results_queue(lane), "unreadable")
            return
        if incoming.timestamp is not None:
            waited = (self.clock.now() - incoming.timestamp).total_seconds()
            self.metrics.dwell_seconds.labels("results").observe(max(0.0, waited))
        try:
            await self.hear(done)
            await incoming.ack()
        except (BusError, StoreAway) as error:
            log.warning("given_back", error=type(error).__name__)
            await self.life.pause(TRY_AGAIN)
            await incoming.requeue()
        except Exception:  # whatever it is, one message must not end the process with all that it works on
            log.exception("message_failed")
            await self.life.pause(TRY_AGAIN)
            await incoming.requeue()

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
        reports = [(key, _own(send, parts[key])) for key, send in by_key.items()]
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


def _own(send: Send, parts: Sequence[Part]) -> Report:
    return report(own_plan(send), fold(parts), finished_at=max((p.looked_up_at for p in parts), default=None))
