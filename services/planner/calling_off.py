"""Closes what is open of a send that was called off, as cancelled: certainly not sent, that is, or else not called so.

Whoever works a chunk holds a claim on it, so it is closed under a claim of ours, and never while a worker has one: what
he sends meanwhile is counted as what becomes of it. Chunks whose last holder died on them may have been sent; nobody
knows, and they are not sent again to find out: `failed: unknown_outcome`, as is a retry after an unknown outcome.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Final

from services.planner.counting import AT_ONCE, UNKNOWN, Counting, End
from services.planner.giving_back import give_back
from services.planner.mending import Debt, Open
from shared.flow.plan import Plan
from shared.flow.record import Part, Record
from shared.flow.send import Send
from shared.flow.verdict import Fate
from shared.runtime.clock import Clock
from shared.store.claims import Claim, HeldByAnother
from shared.store.connection import Store
from shared.store.errors import Lost

CANCELLED: Final[End] = (Fate.CANCELLED, "")
LEASE: Final = timedelta(seconds=30)
TOGETHER: Final = 50
"""Retries closed by one record."""
Closing = Callable[[End], Awaitable[Part | None]]
"""Makes the closing part of one chunk, for what it ended as."""


@dataclass(frozen=True, slots=True)
class CallingOff:
    """Lives as long as the process. `owner` names this start of it. Safe to repeat and to be done by two."""

    store: Store
    clock: Clock
    counting: Counting
    owner: str

    async def close(self, send: Send, plan: Plan, open_: Open, fate: End = CANCELLED) -> datetime | None:
        """None if all that was open is closed; else a worker has some of it until then at the latest."""
        groups = [{member: self._first(send, plan, member) for member in some} for some in _slices(open_.firsts)]
        groups += [{debt.member: self._debt(send, plan, debt) for debt in some} for some in _some(open_.debts)]
        limit = asyncio.Semaphore(AT_ONCE)
        ends = await asyncio.gather(*(self._group(group, fate, limit) for group in groups))
        closed = sum(one for one in ends if isinstance(one, int))
        if closed:
            await self.counting.told(send, fate, closed)
            await give_back(self.store, send, open_.debts)
        return max((one for one in ends if isinstance(one, datetime)), default=None)

    def _first(self, send: Send, plan: Plan, member: str) -> Closing:
        return lambda fate: self.counting.first(send, plan, member, fate)

    def _debt(self, send: Send, plan: Plan, debt: Debt) -> Closing:
        return lambda fate: self.counting.debt(send, plan, debt, fate)

    async def _group(self, group: dict[str, Closing], fate: End, limit: asyncio.Semaphore) -> int | datetime:
        """How many chunks were closed; or until when a worker has (one of) them."""
        async with limit:
            now = self.clock.now()
            claim = await self.store.claims.take(list(group), self.owner, now, now + LEASE, sends=False)
            if not isinstance(claim, Claim):
                return claim.until if isinstance(claim, HeldByAnother) else now
            # Workers may have closed some between the look at what is open and our claim.
            left = group.keys() - await self.store.records.closed(group)
            made = [await group[one](UNKNOWN if one in claim.doubtful else fate) for one in sorted(left)]
            return await self._insert([part for part in made if part is not None])

    async def _insert(self, parts: Sequence[Part]) -> int:
        """One record for all of them; if somebody closed one after all, one for each of the others."""
        if not parts:
            return 0
        record = Record(id=parts[0].member, by=token_hex(8), at=self.clock.now(), parts=tuple(parts))
        try:
            await self.store.records.insert(record)
        except Lost:
            return sum([await self.counting.insert(part) for part in parts])
        for part in parts:
            self.counting.ended(part)
        return len(parts)


def _slices(firsts: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Open chunks by slice, as their workers claim them."""
    found: dict[str, list[str]] = defaultdict(list)
    for member, _ in firsts:
        found[member.rsplit("/", 1)[0]].append(member)
    return list(found.values())


def _some(debts: Sequence[Debt]) -> list[Sequence[Debt]]:
    return [debts[start : start + TOGETHER] for start in range(0, len(debts), TOGETHER)]
