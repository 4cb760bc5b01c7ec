"""Takes messages off queues until the process is asked to stop, each in a task of its own, and settles what fails.

A handler acks, and may be called again for the same message. What it cannot read goes to the dead letters with the
reason; what fails for another cause is given back after a pause: one message never ends the process.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import structlog
from pydantic import ValidationError

from shared.bus.connection import Bus
from shared.bus.consumer import Consumer
from shared.bus.errors import BusError
from shared.bus.incoming import Incoming
from shared.ceiling import Ceiling
from shared.flow.model import Travelling
from shared.runtime.clock import Time
from shared.runtime.express import express
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
    first: bool = False
    """What it brings goes first in the event loop, as `express` says."""
    tenants: bool = False
    """Others than we publish to it: one who sends garbage must not shut the door for all, so the ceiling only warns."""


@dataclass(frozen=True, slots=True)
class Taking:
    """One process's hold on its queues. `hop` names them in the metric of how long messages dwelt there."""

    bus: Bus
    clock: Time
    metrics: Metrics
    life: Life
    hop: str
    paused: set[str] = field(default_factory=set)
    """The queues that are not taken from, because too much of them was dead: the process is not ready meanwhile."""

    newest: dict[str, datetime] = field(default_factory=dict)
    """By queue: when the newest of the messages that were taken was published. What waits is not older."""

    async def run(self, sources: Sequence[Source]) -> None:
        """Takes until asked to stop; then finishes what is in hand."""
        for source in sources:
            self.newest[source.queue] = self.clock.now()
            self.metrics.ask(partial(self._look, source.queue))
        async with asyncio.TaskGroup() as tasks:
            for source in sources:
                tasks.create_task(self._source(source))

    async def _look(self, queue: str) -> None:
        """How much waits in a queue, and how long at most: what was published before the newest one was taken too."""
        waiting = (await self.bus.depth(queue)).ready
        age = (self.clock.now() - self.newest[queue]).total_seconds() if waiting else 0.0
        self.metrics.queue_messages.labels(queue).set(waiting)
        self.metrics.queue_age_seconds.labels(queue).set(max(0.0, age))

    async def _source(self, source: Source) -> None:
        """One queue, with a pause whenever the ceiling of what may be dead in it is reached."""
        ceiling = Ceiling(self.clock.scaled)
        with express(source.first):
            while not self.life.draining:
                await self._take(source, ceiling)
                if not self.life.draining:
                    await self._leave_alone(source, ceiling)

    async def _take(self, source: Source, ceiling: Ceiling) -> None:
        """Until asked to stop, or until the ceiling is reached; what is in hand is finished first."""
        full = asyncio.Event()
        async with self.bus.consume(source.queue, prefetch=source.prefetch) as consumer, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(consumer, source, ceiling, full))
            ends = [asyncio.ensure_future(one.wait()) for one in (self.life.stopping, full)]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in ends:
                    one.cancel()
            await consumer.stop()

    async def _leave_alone(self, source: Source, ceiling: Ceiling) -> None:
        pause, queue = max(ceiling.pause(), TRY_AGAIN), source.queue
        log.error("queue_paused", queue=queue, dead=ceiling.dead, seconds=pause.total_seconds())
        self.paused.add(queue)
        self.metrics.queue_paused.labels(queue).set(1)
        try:
            await self.life.pause(pause)
        finally:
            ceiling.open()
            self.paused.discard(queue)
            self.metrics.queue_paused.labels(queue).set(0)

    async def _read(self, consumer: Consumer, source: Source, ceiling: Ceiling, full: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as messages:
            async for incoming in consumer:
                messages.create_task(self._settled(incoming, source, ceiling, full))

    async def _settled(self, incoming: Incoming, source: Source, ceiling: Ceiling, full: asyncio.Event) -> None:
        if incoming.timestamp is not None:
            now = self.clock.now()
            waited = (now - incoming.timestamp).total_seconds()
            self.metrics.dwell_seconds.labels(self.hop).observe(max(0.0, waited))
            self.newest[source.queue] = max(self.newest[source.queue], min(incoming.timestamp, now))
        if incoming.redelivered:
            self.metrics.duplicates.labels("message").inc()
        try:
            while not await self._handled(incoming, source):
                pass
            ceiling.well()
        except Unreadable as unreadable:
            if self._too_many(incoming, source, ceiling, full):
                await incoming.requeue()
            else:
                await self._bury(incoming, source.queue, str(unreadable))
        except Exception:
            log.exception("message_failed", queue=source.queue)
            self._too_many(incoming, source, ceiling, full)
            await self._give_back(incoming)

    def _too_many(self, incoming: Incoming, source: Source, ceiling: Ceiling, full: asyncio.Event) -> bool:
        """Whether this message is one too many: then the queue is left alone, and keeps it."""
        name = incoming.message_id or hashlib.blake2b(incoming.body, digest_size=12).hexdigest()
        if not ceiling.spoiled(name, self.clock.now()):
            return False
        if source.tenants:
            log.error("dead_letters_grow", queue=source.queue, dead=ceiling.dead)
            ceiling.open()
            ceiling.well()
            return False
        full.set()
        return True

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
        except Exception:
            log.exception("message_not_buried", queue=queue)
            await self._give_back(incoming)


def read(model: type[T], incoming: Incoming) -> T:
    """The body as what it should be. Raises `Unreadable`."""
    try:
        return model.model_validate_json(incoming.body)
    except ValidationError as error:
        message = f"no {model.__name__}: {error.error_count()} problems"
        raise Unreadable(message) from error
