"""Adds up the records of every app, a quarter of an hour at a time once it is over; one reporter does so for all."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.reporter.again import again_and_again
from shared.flow.day import GRACE, SPAN, span_start
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.store.connection import Store

EVERY: Final = timedelta(seconds=60)
LEAST_EVERY: Final = timedelta(seconds=5)
"""Never scaled: so often at most."""
LEASE: Final = timedelta(minutes=5)
DUTY: Final = "adding"


@dataclass(frozen=True, slots=True)
class Adding:
    """Lives as long as the process. `owner` names this start of it."""

    store: Store
    clock: Time
    life: Life
    owner: str

    async def run(self) -> None:
        """Rounds until the process is asked to stop."""
        every = max(self.clock.scaled(EVERY), LEAST_EVERY)
        await again_and_again(self.life, every, DUTY, self.round)

    async def round(self) -> None:
        """Every span that is over, from where the last round ended."""
        until = await self.store.spans.until()
        while await self._mine():
            at = await self.store.spans.next_record(until or self.clock.now() - timedelta(days=3650))
            over = span_start(self.clock.now() - GRACE)
            if at is None or span_start(at) >= over:
                await self.store.spans.advance(over)
                return
            start = span_start(at)
            await self.store.spans.write(start, await self.store.spans.summed(start, start + SPAN))
            until = start + SPAN

    async def _mine(self) -> bool:
        return not self.life.draining and await self.store.duties.take(DUTY, self.owner, self.clock.now(), LEASE)
