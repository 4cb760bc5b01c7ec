"""Writes what an import reads, batch by batch, as if line by line: of two lines for one device the later one wins.

While most devices are new, two batches are written at once: an insert that collides with nothing is the same before and
after what else is in hand. The rest of a batch waits for the batch before it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from shared.store.bulk import Bulk, Draft, Line, draft

A_TURN: Final = 100
"""Lines that are worked on in one turn of the loop: a couple of milliseconds."""
NEW: Final = 0.9
"""If such a share of a batch was new, the next one is inserted before anybody is looked up."""

Numbered = tuple[int, Line]
"""A line with its number."""


class Writing:
    """Made by `open_writing`; `put` one batch after the other, then `end`."""

    def __init__(self, bulk: Bulk, refuse: Callable[[int, str], None]) -> None:
        self._bulk = bulk
        self._refuse = refuse
        self._older: asyncio.Task[None] | None = None
        self._newest: asyncio.Task[None] | None = None
        self._drafts: Sequence[Draft] = ()
        self._mostly_new = False
        self.created = self.updated = 0

    async def put(self, some: Sequence[Numbered]) -> None:
        """Returns when there is room for another batch. Raises what an earlier one failed of."""
        drafts = await self._drafted(some) if self._mostly_new else []
        first, in_hand = self._newest is None, self._older if drafts and self._drafts else self._newest
        if in_hand is not None:
            await in_hand
        others = {key for one in self._drafts for key in one.keys}
        every = range(len(some))
        write = self._insert(some, drafts, others, self._newest) if drafts else self._register(some, every)
        self._older, self._newest, self._drafts = self._newest, asyncio.create_task(write), drafts
        if first:  # it tells what the next ones are
            await self._newest

    async def end(self) -> None:
        """Returns when all of it is written, or raises."""
        if self._newest is not None:
            await self._newest

    async def close(self) -> None:
        """Returns when nothing is being written any more."""
        if under_way := [one for one in (self._older, self._newest) if one is not None]:
            await asyncio.wait(under_way)

    async def _drafted(self, some: Sequence[Numbered]) -> list[Draft]:
        """What there is to compute is done while the lines before these are written."""
        drafts: list[Draft] = []
        for start in range(0, len(some), A_TURN):
            await asyncio.sleep(0)
            drafts += [draft(line) for _, line in some[start : start + A_TURN]]
        return drafts

    async def _insert(
        self, some: Sequence[Numbered], drafts: Sequence[Draft], others: set[bytes], before: asyncio.Task[None] | None
    ) -> None:
        rest = await self._bulk.insert(drafts, others)
        self.created += len(some) - len(rest)
        self._mostly_new = len(rest) <= (1 - NEW) * len(some)
        if before is not None:
            await before
        if rest:
            await self._register(some, rest)

    async def _register(self, some: Sequence[Numbered], places: Sequence[int]) -> None:
        done = await self._bulk.register([some[place][1] for place in places])
        self.created, self.updated = self.created + done.created, self.updated + done.updated
        for place, why in done.refused.items():
            self._refuse(some[places[place]][0], why)
        if len(places) == len(some):
            self._mostly_new = done.created >= NEW * len(some)


@asynccontextmanager
async def open_writing(bulk: Bulk, refuse: Callable[[int, str], None]) -> AsyncIterator[Writing]:
    """For one import; `refuse` is told the number of a line and why. What is under way at the end is waited for."""
    writing = Writing(bulk, refuse)
    try:
        yield writing
    finally:
        await writing.close()
