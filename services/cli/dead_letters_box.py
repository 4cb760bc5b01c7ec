"""Takes dead letters in hand and settles them: published first, confirmed, then acked; what is left goes back."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog
from pydantic import ValidationError

from services.cli.errors import CommandError, UnreachableError
from shared.bus.connection import Bus, open_bus
from shared.bus.dead import DeadLetter, dead_letter
from shared.bus.errors import BusError
from shared.bus.incoming import Incoming
from shared.bus.topology import DEAD_LETTERS, DEFAULT, DROPS
from shared.flow.envelope import SlicesDue

MOST: Final = 10_000
"""In hand at once; the broker's own limit is 65,535."""
REACHED: Final = 10.0
"""Seconds for the broker to be there."""
NEXT: Final = 3.0
"""Seconds for the next one to arrive; others may look at the same time, and have it in hand."""
SLICES: Final = "slices."


class NotSettledError(CommandError):
    """The broker did not take it; nothing is lost, and the command may be repeated."""


class Box:
    """The queue of dead letters, for one command. Made by `open_box`, which gives back what was not settled."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.behind = 0
        """How many more lay behind those that were looked at last."""

    async def letters(self, most: int) -> AsyncGenerator[tuple[DeadLetter, Incoming], None]:
        """Those that are there now, the oldest first, at most so many. They are in hand until this is closed."""
        ready = (await self._bus.depth(DEAD_LETTERS)).ready
        there = min(ready, most)
        self.behind = ready - there
        if not there:
            return
        async with self._bus.consume(DEAD_LETTERS, prefetch=there) as consumer:
            for _ in range(there):
                try:
                    async with asyncio.timeout(NEXT):
                        incoming = await anext(consumer)
                except TimeoutError:
                    return
                yield dead_letter(incoming), incoming

    async def replay(self, letter: DeadLetter, incoming: Incoming) -> None:
        """Back to its queue. Should we die before the ack it is there twice: every step knows what it has done."""
        await self._publish(letter.queue, letter)
        await incoming.ack()

    async def drop(self, letter: DeadLetter, incoming: Incoming) -> None:
        """A slice is handed to a planner, which closes its open chunks; that too may happen twice."""
        if letter.queue.startswith(SLICES) and _readable(letter.body):
            await self._publish(DROPS, letter)
        await incoming.ack()

    async def _publish(self, queue: str, letter: DeadLetter) -> None:
        try:
            await self._bus.publish(
                DEFAULT, queue, letter.body, headers=letter.headers, correlation_id=letter.correlation_id
            )
        except BusError as error:
            raise NotSettledError(f"{letter.id}: {error}. It stays among the dead letters.") from error


def _readable(body: bytes) -> bool:
    try:
        SlicesDue.model_validate_json(body)
    except ValidationError:
        return False
    return True


@asynccontextmanager
async def open_box(url: str) -> AsyncIterator[Box]:
    """Raises UnreachableError if no broker with this queue answers."""
    with _no_logs():
        async with open_bus(url, name="carillon dead-letters") as bus:
            try:
                async with asyncio.timeout(REACHED):
                    await bus.depth(DEAD_LETTERS)
            except (TimeoutError, BusError) as error:
                raise UnreachableError(f"No RabbitMQ with a queue {DEAD_LETTERS} answers there.") from error
            yield Box(bus)


@contextmanager
def _no_logs() -> Iterator[None]:
    """What the bus tells a service's log is not for the person at the keyboard."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.reset_defaults()
