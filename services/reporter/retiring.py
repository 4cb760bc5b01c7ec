"""Acts on what records say about tokens: the dead go at once, under the cap; suspects wait for the anomaly gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from services.reporter.removing import Removing
from services.reporter.suspecting import Suspecting
from shared.flow.hygiene import Finding, by_reason, dead
from shared.flow.record import Part

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Retiring:
    """Lives as long as the process. Safe to repeat, also by another reporter."""

    removing: Removing
    suspecting: Suspecting

    async def retire(self, records: Mapping[str, Sequence[Part]]) -> None:
        """Everything that follows for devices from these records, by their ids; a dry run changes no device."""
        records = {record: [part for part in parts if not part.dry_run] for record, parts in records.items()}
        await self.suspecting.note(records)
        for (app, variant), findings in dead(part for parts in records.values() for part in parts).items():
            await self._dead(app, variant, findings)

    async def _dead(self, app: str, variant: str, findings: Sequence[Finding]) -> None:
        """What is over the cap waits in quarantine, judged already: it goes in the next hours."""
        on = self.removing
        standing = await on.store.quarantine.standing(app, findings)
        left = await on.remove(app, variant, standing, "unregistered") if standing else []
        if left:
            now = on.clock.now()
            window = self.suspecting.window(variant, now)
            held = 0
            for reason, some in by_reason(left).items():
                more = await on.store.quarantine.hold(app, some, window, now, condemned=True)
                await on.store.hygiene_days.note(app, variant, "quarantined", "cap", {reason: more}, now)
                held += more
            on.metrics.devices_quarantined.labels("cap").inc(held)
            log.warning("removals_over_the_cap", app=app, variant=variant, devices=held)
