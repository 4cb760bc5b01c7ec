"""Takes messages off queues until the process is asked to stop, each in a task of its own, and settles what fails.

A handler acks, and may be called again for the same message. What it cannot read goes to the dead letters with the
reason; what fails for another cause is given back after a pause: one message never ends the process.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

import structlog
from pydantic import ValidationError

from shared.bus.connection import Bus
from shared.bus.consumer import Consumer
from shared.bus.errors import BusError
from shared.bus.incoming import Incoming
from shared.flow.model import Travelling
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.errors import StoreAway

TRY_AGAIN: Final = timedelta(seconds=1)
"""Before a message that broker or store kept from being handled is handled again."""

T = TypeVar("T", bound=Travelling)
Handler = Callable[[Incoming], Awaitable[None]]
log = structlog.get_logger()


class Unreadable(Exception):  # noqa: N818  # said of the message
    """The message belongs to the dead letters; the text says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """A queue, how many of its messages are in hand at most, and what handles one."""

    queue: str
    prefetch: int
    handle: Handler


@dataclass(frozen=True, slots=True)
class Taking:
    """One process's hold on its queues. `hop` names them in the metric of how long messages dwelt there."""

    bus: Bus
    clock: Time
    metrics: Metrics
    life: Life
    hop: str

    async def run(self, sources: Sequence[Source]) -> None:
        """Takes until asked to stop; then finishes what is in hand."""
        async with contextlib.AsyncExitStack() as consumers, asyncio.TaskGroup() as tasks:
            reading = []
            for source in sources:
                consumer = await consumers.enter_async_context(self.bus.consume(source.queue, prefetch=source.prefetch))
                reading.append(consumer)
                tasks.create_task(self._read(consumer, source))
            await self.life.stopping.wait()
            for consumer in reading:
                await consumer.stop()

    async def _read(self, consumer: Consumer, source: Source) -> None:
        async with asyncio.TaskGroup() as messages:
            async for incoming in consumer:
                messages.create_task(self._settled(incoming, source))

    async def _settled(self, incoming: Incoming, source: Source) -> None:
        if incoming.timestamp is not None:
            waited = (self.clock.now() - incoming.timestamp).total_seconds()
            self.metrics.dwell_seconds.labels(self.hop).observe(max(0.0, waited))
        try:
            while not await self._handled(incoming, source):
                pass
        except Unreadable as unreadable:
            await self._bury(incoming, source.queue, str(unreadable))
        except Exception:
            log.exception("message_failed", queue=source.queue)
            await self._give_back(incoming)

    async def _handled(self, incoming: Incoming, source: Source) -> bool:
        """Whether the message is done with; during an outage it is kept in hand and tried again.

        Giving it back would count as a failure of its own, and after a hundred the broker takes it for dead.
        """
        try:
            await source.handle(incoming)
        except (BusError, StoreAway) as error:
            log.warning("waiting", queue=source.queue, error=type(error).__name__)
            if incoming.settled or incoming.stale:
                return True
            if await self.life.pause(TRY_AGAIN):
                return False
            await incoming.requeue()
        return True

    async def _give_back(self, incoming: Incoming) -> None:
        await self.life.pause(TRY_AGAIN)
        await incoming.requeue()

    async def _bury(self, incoming: Incoming, queue: str, reason: str) -> None:
        log.warning("dead_letter", queue=queue, reason=reason)
        try:
            await self.bus.bury(incoming, queue, reason)
        except BusError:
            await self._give_back(incoming)


def read(model: type[T], incoming: Incoming) -> T:
    """The body as what it should be. Raises `Unreadable`."""
    try:
        return model.model_validate_json(incoming.body)
    except ValidationError as error:
        message = f"no {model.__name__}: {error.error_count()} problems"
        raise Unreadable(message) from error
