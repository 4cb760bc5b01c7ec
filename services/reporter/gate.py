"""The anomaly gate: judges each window of suspects once, and carries out what was decided, as often as it takes.

Too many suspects at once are a mixed-up key, topic or environment, not dead devices: then the window proves nothing,
and what it removed is restored. Else its suspects go, under the cap.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from shared.flow.hygiene import NORM, WINDOW, Tally, excessive, norm, worth_a_look
from shared.runtime.clock import Time
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.undoing import Span
from shared.store.windows import Decision, Window, window_id

BATCH: Final = 1000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Finds:
    """What a look at a window found: why it trips ("" if it does not), and what it held."""

    why: str
    tally: Tally
    devices: int
    usual: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Lives as long as the process. Two may judge at once: the first decision holds, and both carry it out."""

    store: Store
    clock: Time
    metrics: Metrics

    async def look_early(self, window: str) -> None:
        """Trips a window that has too many suspects already; what comes later cannot talk it down."""
        found = await self.store.windows.get(window)
        if found is not None and found.decision is None:
            finds = await self._look(found)
            if finds.why:
                await self._decide(found, finds)
                await self.carry_out(window)

    async def judge(self, window: Window) -> None:
        """A window whose time has come: decided if it is not yet, then carried out; once more a window later, for
        who was put in it by a reporter that slept meanwhile.
        """
        if window.decision is None:
            await self._decide(window, await self._look(window, neighbour=True))
        await self.carry_out(window.id)
        await self.store.windows.looked(window, None if window.looks else window.due + self.clock.scaled(WINDOW))

    async def _look(self, window: Window, *, neighbour: bool = False) -> Finds:
        slots = await self.store.evidence.slots(window.id)
        whole = sum(slots.values(), Tally())
        usual = norm(await self.store.windows.normal(window.variant, self.clock.now() - self.clock.scaled(NORM)))
        for slot, tally in [(None, whole), *sorted(slots.items())]:
            if worth_a_look(tally, usual):
                devices = await self.store.evidence.devices(window.id, slot)
                if excessive(tally, devices, usual):
                    return Finds("minute" if slot else "window", tally, devices, usual)
        devices = await self.store.evidence.devices(window.id, None) if whole.suspects else 0
        tripped_next = neighbour and whole.suspects and await self._next_tripped(window)
        return Finds("next_window" if tripped_next else "", whole, devices, usual)

    async def _next_tripped(self, window: Window) -> bool:
        following = await self.store.windows.get(window_id(window.variant, window.start + self.clock.scaled(WINDOW)))
        return following is not None and following.decision == "tripped"

    async def _decide(self, window: Window, finds: Finds) -> None:
        decision: Decision = "tripped" if finds.why else "passed"
        now = self.clock.now()
        if not await self.store.windows.decide(window.id, decision, finds.why, finds.tally, finds.devices, now):
            return
        self.metrics.hygiene_windows.labels(window.platform, decision).inc()
        said = {"app": window.app, "variant": window.variant, "suspects": finds.tally.suspects}
        if finds.why:
            log.warning(
                "probable_configuration_error", **said, results=finds.tally.results, usual=round(finds.usual, 4),
                why=finds.why, platform=window.platform,
            )  # fmt: skip
        elif finds.tally.suspects:
            log.info("suspects_judged", **said, results=finds.tally.results)

    async def carry_out(self, id_: str) -> None:
        """By the decision that is stored, whoever made it."""
        window = await self.store.windows.get(id_)
        if window is None:
            return
        if window.decision == "passed":
            await self.store.quarantine.condemn(window.variant, window.id)
        elif window.decision == "tripped":
            reasons = await self.store.quarantine.release(window.variant, window.id)
            now, released = self.clock.now(), reasons.total()
            await self.store.hygiene_days.note(window.app, window.variant, "released", "gate", reasons, now)
            restored = await self._restore(window)
            self.metrics.devices_restored.labels("released").inc(released)
            self.metrics.devices_restored.labels("gate").inc(restored)
            if released or restored:
                log.warning("window_undone", variant=window.variant, released=released, restored=restored)

    async def _restore(self, window: Window) -> int:
        now, restored = self.clock.now(), 0
        end = min(now, _last(window.start + self.clock.scaled(WINDOW)))
        span = Span(window.app, window.start, end, window.variant)
        while some := await self.store.undoing.restore(span, now, BATCH):
            reasons = {reason: devices for (_, reason), devices in some.items()}
            await self.store.hygiene_days.note(window.app, window.variant, "restored", "gate", reasons, now)
            restored += some.total()
        return restored


def _last(end: datetime) -> datetime:
    """The last millisecond before the end."""
    return end - timedelta(milliseconds=1)
