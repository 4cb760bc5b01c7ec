"""Keeps the house: one reporter at a time judges the windows that are due, and lets go whom the cap held up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final

from services.reporter.again import again_and_again, unharmed
from services.reporter.gate import Gate
from services.reporter.removing import Removing
from services.reporter.webhooks.announcing import DEVICES, Announcing
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
        await self._each(self.store.quarantine.next_untold, self._tell)  # whom a process let go that died then
        await self._each(self.store.quarantine.next_condemned, self._clear)

    async def _each(
        self, following: Callable[[str], Awaitable[tuple[str, str] | None]], work: Callable[[str, str], Awaitable[None]]
    ) -> None:
        """Every variant of which there is something to do."""
        after = ""
        while await self._mine() and (found := await following(after)):
            app, after = found
            await work(app, after)

    async def _mine(self) -> bool:
        return not self.life.draining and await self.store.duties.take(DUTY, self.owner, self.gate.clock.now(), LEASE)

    async def _clear(self, app: str, variant: str) -> None:
        """Who was judged goes, until the cap is used up."""
        while await self._mine():
            findings = await self.store.quarantine.condemned(app, variant, BATCH)
            tell = self.announcing is not None and bool(findings) and await self.announcing.of_retired(app)
            left = await self.removing.remove(app, variant, findings, "judged", untold=tell) if findings else []
            done = findings[: len(findings) - len(left)]
            if tell:
                await self._tell(app, variant)
            await self.store.quarantine.pardon(app, done)  # who did not go registered again meanwhile
            if left or not findings:
                return

    async def _tell(self, app: str, variant: str) -> None:
        """Webhooks of whom it took out of service; each stays marked until that is owed to them."""
        quarantine, announcing = self.store.quarantine, self.announcing
        while announcing is not None and await self._mine() and (found := await quarantine.untold(app, variant, BATCH)):
            for at, some in groupby(found, key=lambda one: one[0]):
                findings = [finding for _, finding in some]
                for start in range(0, len(findings), DEVICES):
                    page = findings[start : start + DEVICES]
                    await announcing.judged(app, variant, page, at)
                    await quarantine.told(app, [one.device for one in page])
