"""Adds up the records of every app, a quarter of an hour at a time once it is over; one reporter does so for all."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from shared.flow.day import GRACE, SPAN, span_start
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.store.connection import Store
from shared.store.errors import StoreAway

EVERY: Final = timedelta(seconds=60)
LEAST_EVERY: Final = timedelta(seconds=5)
"""Never scaled: so often at most."""
LEASE: Final = timedelta(minutes=5)
DUTY: Final = "adding"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Adding:
    """Lives as long as the process. `owner` names this start of it."""

    store: Store
    clock: Time
    life: Life
    owner: str

    async def run(self) -> None:
        """Rounds until the process is asked to stop."""
        while await self.life.pause(max(self.clock.scaled(EVERY), LEAST_EVERY)):
            try:
                await self.round()
            except StoreAway as error:
                log.warning("adding_interrupted", error=type(error).__name__)
            except Exception:
                log.exception("adding_failed")

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
