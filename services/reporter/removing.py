"""Removes devices softly, under the cap of their variant: at most max(1,000, 5 %) of its devices in an hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from shared.flow.hygiene import CAP_SPAN, Finding, by_reason, cap, floor
from shared.runtime.clock import Time
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.hygiene_days import By

Why = Literal["unregistered", "judged"]
EVIDENCE: Final[dict[Why, By]] = {"unregistered": "evidence", "judged": "judged"}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Removing:
    """Lives as long as the process. Safe to repeat: who is gone, or registered again since, stays as he is."""

    store: Store
    clock: Time
    metrics: Metrics
    least: int
    """Removed in an hour of any variant, however small."""
    share: float
    """Removed in an hour of a large variant's devices."""

    async def remove(
        self, app: str, variant: str, findings: Sequence[Finding], why: Why, *, untold: bool = False
    ) -> list[Finding]:
        """Takes as many out of service as the cap allows; returns the others. `untold`: marked, to be told of yet."""
        now = self.clock.now()
        start = floor(now, self.clock.scaled(CAP_SPAN))
        granted = await self.store.allowances.take(variant, start, len(findings), lambda: self._cap(app, variant))
        gone = 0
        for reason, some in by_reason(findings[:granted]).items():
            went = await self.store.quarantine.retire(app, some, now, untold=untold)
            await self.store.hygiene_days.note(app, variant, "retired", EVIDENCE[why], {reason: went}, now)
            gone += went
        if gone:
            self.metrics.devices_retired.labels(why).inc(gone)
            log.info("devices_retired", app=app, variant=variant, devices=gone, why=why)
        return list(findings[granted:])

    async def _cap(self, app: str, variant: str) -> int:
        return cap(await self.store.quarantine.population(app, variant), self.least, self.share)
