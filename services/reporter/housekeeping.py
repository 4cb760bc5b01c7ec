"""Keeps the house: one reporter at a time judges the windows that are due, and lets go whom the cap held up."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.reporter.again import again_and_again, unharmed
from services.reporter.gate import Gate
from services.reporter.removing import Removing
from services.reporter.webhooks.announcing import Announcing
from shared.runtime.life import Life
from shared.store.connection import Store

EVERY: Final = timedelta(seconds=10)
LEAST_EVERY: Final = timedelta(seconds=1)
"""Never scaled: so often at most."""
LEASE: Final = timedelta(seconds=30)
DUTY: Final = "hygiene"
BATCH: Final = 500


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
        every = max(self.gate.clock.scaled(EVERY), LEAST_EVERY)
        await again_and_again(self.life, every, DUTY, self.round)
        await unharmed(DUTY, lambda: self.store.duties.leave(DUTY, self.owner))

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
