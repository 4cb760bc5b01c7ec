"""Which variants are fed apart from all others, and how much of each: parked, limited, or cut off from the provider."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from shared.flow.plan import CHUNKS_IN_A_SLICE
from shared.store.connection import Store

BELIEVED: Final = 1.0
"""Seconds for which what the store says is believed."""


@dataclass(frozen=True, slots=True)
class Bulkhead:
    """A variant whose slices neither take room from others nor get any of theirs."""

    parked: bool
    rate_limit: float | None
    away: bool = False
    """Some worker has given up its route to the provider for a while; others may still have one."""

    def window(self, workers: int) -> int:
        """Chunks of it that may be on the bus: a slice for each worker; for a parked one, something to probe with."""
        return 1 if self.parked else workers * CHUNKS_IN_A_SLICE


class Bulkheads:
    """Lives as long as the process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Bulkhead | None] = {}
        self._until = 0.0

    async def of(self, variants: Collection[str]) -> dict[str, Bulkhead]:
        """Those of these variants that are fed apart."""
        if time.monotonic() >= self._until or not self._known.keys() >= set(variants):
            self._known = await self._read(variants)
            self._until = time.monotonic() + BELIEVED
        return {variant: found for variant in variants if (found := self._known[variant]) is not None}

    async def _read(self, variants: Collection[str]) -> dict[str, Bulkhead | None]:
        limits = await self._store.variants.limits(variants)
        parked, away = await self._store.parking.of(variants), await self._store.away.of(variants)
        found: dict[str, Bulkhead | None] = dict.fromkeys(variants)
        for variant, (version, rate) in limits.items():
            in_trouble = variant in parked and parked[variant].version >= version
            if in_trouble or rate is not None or variant in away:
                found[variant] = Bulkhead(in_trouble, rate, variant in away)
        return found
