"""Writes what an import reads, batch by batch, as if line by line: of two lines for one device the later one wins.

While most devices are new, two batches are written at once: an insert that collides with nothing is the same before and
after what else is in hand, and the rest of a batch waits for the batch before it. While most are known, the next batch
is looked up while one is written.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from typing import Any, Final

from shared.store.bulk import A_TURN, Bulk
from shared.store.bulk_plan import Done, Draft, Line, Plan, draft

NEW: Final = 0.9
"""If such a share of a batch was new, the next one is inserted before anybody is looked up."""

Numbered = tuple[int, Line]
"""A line with its number."""
Writes = Coroutine[Any, Any, None]


class Writing:
    """Made by `open_writing`; `put` one batch after the other, then `end`."""

    def __init__(self, bulk: Bulk, refuse: Callable[[int, str], None]) -> None:
        self._bulk = bulk
        self._refuse = refuse
        self._older: asyncio.Task[None] | None = None
        self._newest: asyncio.Task[None] | None = None
        self._drafts: Sequence[Draft] = ()
        self._touched: AbstractSet[bytes] = frozenset()
        self._mostly_new = False
        self.created = self.updated = 0

    async def put(self, some: Sequence[Numbered]) -> None:
        """Returns when there is room for another batch. Raises what an earlier one failed of."""
        if not some:
            return
        first = self._newest is None
        write = await (self._new(some) if self._mostly_new else self._known(some))
        self._older, self._newest = self._newest, asyncio.create_task(write)
        if first:  # it tells what the next ones are
            await self._newest

    async def end(self) -> None:
        """Returns when all of it is written, or raises."""
        if self._newest is not None:
            await self._newest

    async def close(self) -> None:
        """Returns when nothing is being written any more, however it ended."""
        for one in (self._older, self._newest):
            if one is not None:
                await asyncio.wait([one])
                if not one.cancelled():
                    one.exception()  # seen; it was raised to who waited for it, or came after what ended the import

    async def _new(self, some: Sequence[Numbered]) -> Writes:
        """What there is to compute is done while the lines before these are written."""
        drafts: list[Draft] = []
        for start in range(0, len(some), A_TURN):
            await asyncio.sleep(0)
            drafts += [draft(line) for _, line in some[start : start + A_TURN]]
        if in_hand := self._older if self._drafts else self._newest:
            await in_hand
        others = {key for one in self._drafts for key in one.keys}
        self._drafts, self._touched = drafts, frozenset()
        return self._insert(some, drafts, others, self._newest)

    async def _known(self, some: Sequence[Numbered]) -> Writes:
        """Who is known is looked up while the lines before these are written; again, if those were of the same."""
        if self._drafts and self._newest is not None:
            await self._newest
        lines = [line for _, line in some]
        plan, before = await self._bulk.plan(lines), self._touched
        if self._newest is not None:
            await self._newest
        if not before.isdisjoint(plan.touched()):
            plan = await self._bulk.plan(lines)
        self._drafts, self._touched = (), plan.touched()
        return self._carry_out(some, plan)

    async def _insert(
        self,
        some: Sequence[Numbered],
        drafts: Sequence[Draft],
        others: AbstractSet[bytes],
        before: asyncio.Task[None] | None,
    ) -> None:
        rest = await self._bulk.insert(drafts, others)
        self.created += len(some) - len(rest)
        self._mostly_new = len(rest) <= (1 - NEW) * len(some)
        if before is not None:
            await before
        if rest:
            left = [some[place] for place in rest]
            self._count(left, await self._bulk.register([line for _, line in left]))

    async def _carry_out(self, some: Sequence[Numbered], plan: Plan) -> None:
        done = await self._bulk.carry_out(plan)
        self._count(some, done)
        self._mostly_new = done.created >= NEW * len(some)

    def _count(self, some: Sequence[Numbered], done: Done) -> None:
        self.created, self.updated = self.created + done.created, self.updated + done.updated
        for place, why in done.refused.items():
            self._refuse(some[place][0], why)


@asynccontextmanager
async def open_writing(bulk: Bulk, refuse: Callable[[int, str], None]) -> AsyncIterator[Writing]:
    """For one import; `refuse` is told the number of a line and why. What is under way at the end is waited for."""
    writing = Writing(bulk, refuse)
    try:
        yield writing
    finally:
        await writing.close()
