"""Takes what names an erased user out of the dead letters: the only queue in which what backends said may lie for long.

Everything else on the bus is wake-ups, which hold ids of sends and chunks.
"""

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import structlog

from services.reporter.nameless import names_one
from shared.bus.connection import Bus
from shared.bus.consumer import Consumer
from shared.bus.errors import NotConfirmed
from shared.bus.incoming import Incoming
from shared.bus.topology import DEAD_LETTERS

MOST: Final = 10_000
"""In hand of one consumer; who holds more has several. Their bodies are not kept."""
NEXT: Final = 3.0
"""Seconds for the next one to arrive; an operator who looks at the same time has some in hand."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Letters:
    """Lives as long as the process."""

    bus: Bus

    async def forget(self, app: str, names: Collection[str]) -> int:
        """Drops those that name one of these; the others go back to where they lay. Raises `BusError`: try later."""
        total, seen, dropped = (await self.bus.depth(DEAD_LETTERS)).ready, 0, 0
        async with AsyncExitStack() as stack:
            while seen < total:
                left = total - seen
                consumer = await stack.enter_async_context(self.bus.consume(DEAD_LETTERS, prefetch=min(left, MOST)))
                looked, gone = await _look(consumer, left, app, names)
                seen, dropped = seen + looked, dropped + gone
                if not looked:
                    break
        if dropped:
            log.info("dead_letters_erased", app=app, letters=dropped)
        return dropped


async def _look(consumer: Consumer, left: int, app: str, names: Collection[str]) -> tuple[int, int]:
    """How many were looked at, and dropped. Raises `NotConfirmed` if they were lost from our hands meanwhile."""
    looked = dropped = 0
    first: Incoming | None = None
    while looked < left and looked - dropped < MOST:
        try:
            async with asyncio.timeout(NEXT):
                incoming = await anext(consumer)
        except TimeoutError:
            break
        looked += 1
        if names_one(incoming.body, app, names):
            dropped += await incoming.ack()
        first = first or incoming
    if first is not None and first.stale:
        raise NotConfirmed("connection", "the dead letters were taken from our hands", sent=False)
    return looked, dropped
