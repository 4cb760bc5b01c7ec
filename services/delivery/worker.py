"""Takes messages of slices off the bus, of both lanes, until the process is asked to stop."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pydantic import ValidationError

from services.delivery.slices import Slices
from shared.bus.connection import Bus
from shared.bus.consumer import Consumer
from shared.bus.errors import BusError
from shared.bus.incoming import Incoming
from shared.bus.topology import slices_queue
from shared.flow.envelope import SlicesDue
from shared.flow.lane import Lane
from shared.runtime.clock import Clock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.errors import StoreAway

PREFETCH: Final = {Lane.NOW: 8, Lane.BULK: 4}
"""Messages in hand by lane. A slice is some seconds of work; more would only keep them from other workers."""
TRY_AGAIN: Final = timedelta(seconds=1)
"""Before a message is given back because broker or store did not answer."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Worker:
    """One process's hold on its platform's queues."""

    platform: str
    bus: Bus
    clock: Clock
    metrics: Metrics
    life: Life
    slices: Slices

    async def run(self) -> None:
        """Works until asked to stop, then finishes the chunks in flight and gives back the rest."""
        async with asyncio.TaskGroup() as tasks, contextlib.AsyncExitStack() as consumers:
            renewing = tasks.create_task(self.slices.leases.renew())
            reading = []
            for lane in Lane:
                queue = slices_queue(self.platform, lane)
                consumer = await consumers.enter_async_context(self.bus.consume(queue, prefetch=PREFETCH[lane]))
                reading.append((consumer, tasks.create_task(self._read(consumer, lane))))
            await self.life.stopping.wait()
            for consumer, _ in reading:
                await consumer.stop()
            for _, task in reading:
                await task
            renewing.cancel()

    async def _read(self, consumer: Consumer, lane: Lane) -> None:
        async with asyncio.TaskGroup() as messages:
            async for incoming in consumer:
                messages.create_task(self._message(incoming, lane))

    async def _message(self, incoming: Incoming, lane: Lane) -> None:
        """One message to its end: acked, given back, or dead-lettered if it cannot be read."""
        try:
            due = SlicesDue.model_validate_json(incoming.body)
        except ValidationError as error:
            log.warning("unreadable_message", errors=error.error_count())
            await self.slices.passing.unreadable(incoming, lane)
            return
        self._dwelt(incoming)
        try:
            if len(due.slices) == 1:
                await self.slices.slice(due.slices[0], incoming, lane)
            else:
                await self.slices.bundle(due.slices, incoming, lane)
            self.metrics.slices_done.labels(self.platform, lane).inc(len(due.slices))
        except (BusError, StoreAway) as error:
            log.warning("given_back", error=type(error).__name__)
            await self.life.pause(TRY_AGAIN)
            await incoming.requeue()
        except Exception:  # whatever it is, one message must not end the process with all that it works on
            log.exception("message_failed")
            await self.life.pause(TRY_AGAIN)
            await incoming.requeue()

    def _dwelt(self, incoming: Incoming) -> None:
        if incoming.timestamp is not None:
            waited = (self.clock.now() - incoming.timestamp).total_seconds()
            self.metrics.dwell_seconds.labels("slices").observe(max(0.0, waited))
