"""Takes wake-ups for stored sends: a small one's slices go out at once, a large one is planned and then fed."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pydantic import ValidationError

from services.planner.feeder import Feeder
from services.planner.planning import Planning
from services.planner.publishing import Publishing
from shared.bus.connection import Bus
from shared.bus.consumer import Consumer
from shared.bus.errors import BusError
from shared.bus.incoming import Incoming
from shared.bus.topology import sends_queue
from shared.flow.envelope import SendsDue, SliceDue
from shared.flow.lane import Lane
from shared.flow.plan import own_plan
from shared.flow.send import Send
from shared.runtime.clock import Clock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.errors import StoreAway

PREFETCH: Final = 20
TRY_AGAIN: Final = timedelta(seconds=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Intake:
    """One process's hold on the queues of sends."""

    store: Store
    bus: Bus
    clock: Clock
    metrics: Metrics
    life: Life
    planning: Planning
    publishing: Publishing
    feeder: Feeder

    async def run(self) -> None:
        """Works until asked to stop, then finishes what is in hand."""
        async with contextlib.AsyncExitStack() as consumers, asyncio.TaskGroup() as tasks:
            reading = []
            for lane in Lane:
                consumer = await consumers.enter_async_context(self.bus.consume(sends_queue(lane), prefetch=PREFETCH))
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
            due = SendsDue.model_validate_json(incoming.body)
        except ValidationError:
            self.metrics.dead_letters.labels(sends_queue(lane)).inc()
            await self.bus.bury(incoming, sends_queue(lane), "unreadable")
            return
        if incoming.timestamp is not None:
            waited = (self.clock.now() - incoming.timestamp).total_seconds()
            self.metrics.dwell_seconds.labels("sends").observe(max(0.0, waited))
        try:
            await self.take(due.sends)
            await incoming.ack()
        except (BusError, StoreAway) as error:
            log.warning("given_back", error=type(error).__name__)
            await self.life.pause(TRY_AGAIN)
            await incoming.requeue()
        except Exception:  # whatever it is, one message must not end the process with all that it works on
            log.exception("message_failed")
            await self.life.pause(TRY_AGAIN)
            await incoming.requeue()

    async def take(self, keys: Sequence[str]) -> None:
        """Plans these sends and releases what may go. Safe to repeat."""
        found = await self.store.sends.many(keys) if keys else {}
        sends = [send for send in found.values() if not send.problems]
        await self.publishing.slices(
            [piece for send in sends if send.small for piece in small_slices(send)], bundled=True
        )
        for send in sends:
            if not send.small:
                await self._plan(send)

    async def _plan(self, send: Send) -> None:
        """A send that cannot be planned for a reason of ours holds up no other: the sweep tries it again."""
        try:
            await self.planning.plan(send)
        except (BusError, StoreAway):
            raise
        except Exception:
            log.exception("not_planned", send=send.key)
            return
        self.feeder.wake()


def small_slices(send: Send) -> list[tuple[str, Lane, SliceDue]]:
    """The slices of a send that is its own plan, with platform and lane."""
    return [(one.platform, send.lane, SliceDue(id=one.id)) for one in own_plan(send).slices()]
