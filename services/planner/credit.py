"""Credit for feeding: how many chunks of each send are on the bus or being worked, from results as they are heard."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from shared.flow.envelope import ChunksDone
from shared.flow.identity import attempt_of, root_of, send_of
from shared.flow.plan import Plan, Slice
from shared.store.connection import Store
from shared.store.schedule import Scheduled

COUNTED_ANEW: Final = 5.0
"""Seconds without a result after which credit is counted in the store: one may have been lost on the way."""


@dataclass(slots=True)
class Fed:
    """A send being fed: its slices by variant, and how many of its chunks are known to have a record."""

    plan: Plan
    slices: dict[str, list[Slice]]
    chunks: dict[str, list[int]]
    """How many chunks the first n slices have, by n."""
    most: dict[str, int] = field(default_factory=dict)
    """How many slices may be released as long as the canary was not judged; else all."""
    recorded: Counter[str] = field(default_factory=Counter)
    news_at: float = field(default_factory=time.monotonic)

    def platform(self, variant: str) -> str:
        """What a variant's slices are of."""
        return self.slices[variant][0].platform

    def outstanding(self, variant: str, released: int) -> int:
        """Chunks on the bus or being worked."""
        return max(0, self.chunks[variant][released] - self.recorded[variant])

    def waiting(self, variant: str, released: int, most: int) -> list[Slice]:
        """The next slices to release, at most so many."""
        return self.slices[variant][released : min(released + most, self.may(variant))]

    def may(self, variant: str) -> int:
        """How many of its slices may be on the bus or done."""
        return self.most.get(variant, len(self.slices[variant]))

    def sampled(self, released: dict[str, int]) -> bool:
        """Whether everything that may be released is, and has a record."""
        return all(
            released.get(one, 0) >= self.may(one) and not self.outstanding(one, released.get(one, 0))
            for one in self.slices
        )

    def rests(self, released: dict[str, int]) -> bool:
        """Whether nothing is on the bus."""
        return not any(self.outstanding(variant, released.get(variant, 0)) for variant in self.slices)

    def done(self, released: dict[str, int]) -> bool:
        """Whether nothing is left to release, nor on the bus."""
        return self.rests(released) and all(
            released.get(variant, 0) >= len(slices) for variant, slices in self.slices.items()
        )


class Credit:
    """Lives as long as the process. What it knows may lag behind the store, never run ahead of it for long."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fed: dict[str, Fed] = {}

    def of(self, key: str) -> Fed:
        """A send that was activated."""
        return self._fed[key]

    def heard(self, done: ChunksDone) -> bool:
        """Chunks have a record: their places in the window are free. Whether any of them was of a send being fed."""
        ours = False
        for member in done.members:
            fed = self._fed.get(send_of(member))
            if fed is not None and attempt_of(member) == 1:
                fed.recorded[_variant(fed.plan, member)] += 1
                fed.news_at = time.monotonic()
                ours = True
        return ours

    def keep(self, keys: Iterable[str]) -> None:
        """Forgets every other send."""
        kept = set(keys)
        self._fed = {key: fed for key, fed in self._fed.items() if key in kept}

    async def activate(self, entry: Scheduled) -> Fed | None:
        """A send on the schedule, with its credit; None as long as its plan is not visible."""
        fed = self._fed.get(entry.key)
        if fed is None:
            plan = await self._store.plans.get(entry.key)
            if plan is None:
                return None
            slices: dict[str, list[Slice]] = defaultdict(list)
            for one in plan.slices():
                slices[one.variant].append(one)
            sizes = {variant: [0, *accumulate(one.chunks for one in found)] for variant, found in slices.items()}
            fed = self._fed[entry.key] = Fed(plan, dict(slices), sizes)
            if entry.released:
                await self._count(entry.key, fed)
        elif time.monotonic() - fed.news_at > COUNTED_ANEW:
            await self._count(entry.key, fed)
        fed.most = {} if entry.judged else {one.variant: one.sample for one in fed.plan.routes if one.sample}
        return fed

    async def _count(self, key: str, fed: Fed) -> None:
        members = await self._store.records.recorded_members(key)
        fed.recorded = Counter(_variant(fed.plan, member) for member in members if attempt_of(member) == 1)
        fed.news_at = time.monotonic()


def _variant(plan: Plan, member: str) -> str:
    return plan.routes[root_of(member)[0]].variant
