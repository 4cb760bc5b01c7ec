"""Notes what records say for and against tokens, once, and puts suspects in quarantine until their window is judged."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.reporter.gate import Gate
from shared.flow.hygiene import GRACE, LEAST, SLOT, WINDOW, Evidence, by_reason, evidence, floor
from shared.flow.record import Part
from shared.store.windows import Window, window_id

REMEMBERED: Final = 10_000


@dataclass(slots=True)
class Suspecting:
    """Lives as long as the process."""

    gate: Gate
    _opened: set[str] = field(default_factory=set)
    _since_look: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Suspects noted here since the gate last looked at their window: a hint and no more."""

    async def note(self, records: Mapping[str, Sequence[Part]]) -> None:
        """Safe to repeat: evidence stays in the window in which it was noted first."""
        on = self.gate
        found = evidence(records, on.clock.scaled(SLOT))
        if not found:
            return
        now = on.clock.now()
        placed = await on.store.evidence.note(await self._by_window(found, now), now)
        against = [one for one in found if one.suspects]
        if against:
            await self._suspect(against, placed, now)

    async def _suspect(self, against: Sequence[Evidence], placed: Mapping[str, str], now: datetime) -> None:
        on = self.gate
        windows = list({placed[one.key] for one in against})
        before = await on.store.windows.many(windows)
        for one in against:
            window = before.get(placed[one.key])
            # else heard before, and its window is judged: what it proved was used or given up then
            if window is not None and window.decision is None:
                for reason, some in by_reason(one.suspects).items():
                    held = await on.store.quarantine.hold(one.app, some, window.id, now)
                    await on.store.hygiene_days.note(
                        one.app, one.variant, "quarantined", "suspect", {reason: held}, now
                    )
                    on.metrics.devices_quarantined.labels("suspect").inc(held)
                self._since_look[window.id] += one.tally.suspects
        for window in (await on.store.windows.many(windows)).values():
            if window.decision is not None:
                await on.carry_out(window.id)  # judged between our look and our holding
            elif self._since_look[window.id] >= LEAST:
                del self._since_look[window.id]
                await on.look_early(window.id)

    async def _by_window(self, found: Sequence[Evidence], now: datetime) -> dict[str, list[Evidence]]:
        windows: dict[str, list[Evidence]] = defaultdict(list)
        fresh: dict[str, Window] = {}
        for one in found:
            window = self.window(one.variant, now)
            windows[window].append(one)
            if window not in self._opened:
                fresh[window] = self._fresh(one, now)
        if fresh:
            await self.gate.store.windows.open(list(fresh.values()))
            if len(self._opened) > REMEMBERED:
                self._opened.clear()
                self._since_look.clear()
            self._opened |= fresh.keys()
        return windows

    def window(self, variant: str, now: datetime) -> str:
        """The id of the window that is open for a variant."""
        return window_id(variant, floor(now, self.gate.clock.scaled(WINDOW)))

    def _fresh(self, one: Evidence, now: datetime) -> Window:
        span = self.gate.clock.scaled(WINDOW)
        start = floor(now, span)
        due = start + span + self.gate.clock.scaled(GRACE)
        return Window(window_id(one.variant, start), one.app, one.variant, one.platform, start, due)
