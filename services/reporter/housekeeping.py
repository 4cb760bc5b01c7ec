"""Keeps the house: one reporter at a time judges the windows that are due, and lets go whom the cap held up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from services.reporter.gate import Gate
from services.reporter.removing import Removing
from services.reporter.webhooks.announcing import Announcing
from shared.runtime.life import Life
from shared.store.connection import Store
from shared.store.errors import StoreAway

EVERY: Final = timedelta(seconds=10)
LEAST_EVERY: Final = timedelta(seconds=1)
"""Never scaled: so often at most."""
LEASE: Final = timedelta(seconds=30)
DUTY: Final = "hygiene"
BATCH: Final = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Lives as long as the process. `owner` names this start of it."""

    store: Store
    gate: Gate
    removing: Removing
    life: Life
    owner: str
    announcing: Announcing | None = None

    async def run(self) -> None:
        """Rounds until the process is asked to stop."""
        while await self.life.pause(max(self.gate.clock.scaled(EVERY), LEAST_EVERY)):
            await self._unharmed(self.round)
        await self._unharmed(lambda: self.store.duties.leave(DUTY, self.owner))

    async def _unharmed(self, work: Callable[[], Awaitable[None]]) -> None:
        """What fails now is done in another round."""
        try:
            await work()
        except StoreAway as error:
            log.warning("housekeeping_interrupted", error=type(error).__name__)
        except Exception:
            log.exception("housekeeping_failed")

    async def round(self) -> None:
        """Everything that is due, for as long as the duty is ours."""
        while await self._mine():
            window = await self.store.windows.due(self.gate.clock.now())
            if window is None:
                break
            await self.gate.judge(window)
        after = ""
        while await self._mine() and (found := await self.store.quarantine.next_condemned(after)):
            app, after = found
            await self._clear(app, after)

    async def _mine(self) -> bool:
        return not self.life.draining and await self.store.duties.take(DUTY, self.owner, self.gate.clock.now(), LEASE)

    async def _clear(self, app: str, variant: str) -> None:
        """Who was judged goes, until the cap is used up."""
        while await self._mine():
            findings = await self.store.quarantine.condemned(app, variant, BATCH)
            left = await self.removing.remove(app, variant, findings, "judged") if findings else []
            done = findings[: len(findings) - len(left)]
            if self.announcing is not None:
                await self.announcing.judged(app, variant, done, self.gate.clock.now())
            await self.store.quarantine.pardon(app, done)  # who did not go registered again meanwhile
            if left or not findings:
                return
