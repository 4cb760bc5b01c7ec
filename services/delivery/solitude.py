"""Lets chunks be worked side by side, or one of them by itself: what is under suspicion of killing its workers.

Costs the others one look at a flag. Who wants to be alone waits a little for those at work, meanwhile nothing is begun;
then the others have their turn for as long, and next time the wait is twice as long, up to a provider's own time limit.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Final

PATIENCE: Final = timedelta(seconds=2)
LONGEST: Final = timedelta(seconds=40)
"""No chunk takes longer than a request may wait for its answer, and some seconds for its record."""


Came = Callable[[asyncio.Event, float], Awaitable[bool]]
"""Waits for an event, so many seconds at most; whether it came."""


async def _came(event: asyncio.Event, within: float) -> bool:
    try:
        return await asyncio.wait_for(event.wait(), within)
    except TimeoutError:
        return False


class Solitude:
    """Lives as long as the process; shared by all its chunks."""

    def __init__(
        self, patience: timedelta = PATIENCE, came: Came = _came, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._came = came
        self._monotonic = monotonic
        self._first = self._patience = patience.total_seconds()
        self._not_before = 0.0
        self._running = 0
        self._quiet = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    @property
    def wanted(self) -> bool:
        """Whether somebody is alone, or waits until the others are done: nothing else is to be begun."""
        return not self._open.is_set()

    async def over(self) -> None:
        """Waits until nobody wants to be alone."""
        await self._open.wait()

    @contextmanager
    def running(self) -> Iterator[None]:
        """While a chunk is worked."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._quiet.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        """False: another is, or the others were not done in time. Else nothing is begun by others while inside."""
        if self.wanted or self._monotonic() < self._not_before:
            yield False
            return
        self._open.clear()
        try:
            yield await self._emptied()
        finally:
            self._open.set()

    async def _emptied(self) -> bool:
        self._quiet.clear()
        if self._running and not await self._came(self._quiet, self._patience):
            self._not_before = self._monotonic() + self._patience
            self._patience = min(2 * self._patience, LONGEST.total_seconds())
            return False
        self._patience = self._first
        return True
