"""The places in which chunks are worked, by lane; a variant whose route struggles leaves half of them to the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.delivery.routes import Routes
from shared.flow.lane import Lane
from shared.runtime.life import Life

AGAIN: Final = timedelta(milliseconds=100)
"""Between two looks whether a variant may have more than half."""


@dataclass(frozen=True, slots=True)
class Places:
    """Lives as long as the process. `bulk`: how many places that lane has."""

    permits: dict[Lane, asyncio.Semaphore]
    bulk: int
    routes: Routes
    life: Life
    taken: Counter[str] = field(default_factory=Counter)
    """By variant."""

    @asynccontextmanager
    async def place(self, variant: str, lane: Lane) -> AsyncIterator[datetime | None]:
        """A place, when there is one. Or, without any, when to come again: its route is silent."""
        while True:
            async with self.permits[lane]:
                if lane is not Lane.BULK or not self._has_enough(variant) or self.life.draining:
                    with self._counted(variant):
                        yield None
                    return
            until = self.routes.silent(variant)
            if until is not None:
                yield until
                return
            await self.life.pause(AGAIN)

    @contextmanager
    def _counted(self, variant: str) -> Iterator[None]:
        self.taken[variant] += 1
        try:
            yield
        finally:
            self.taken[variant] -= 1
            if not self.taken[variant]:
                del self.taken[variant]

    def _has_enough(self, variant: str) -> bool:
        return self.taken[variant] >= max(1, self.bulk // 2) and self.routes.struggling(variant)
