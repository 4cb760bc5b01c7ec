"""Takes devices with dead tokens out of service, by the rule of the timestamp. Which, is decided purely."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from shared.flow.record import Part
from shared.flow.verdict import Fate
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.devices import Retirement

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Retiring:
    """Lives as long as the process. Safe to repeat: who is retired, or registered again since, stays as he is."""

    store: Store
    clock: Clock
    metrics: Metrics

    async def retire(self, parts: Iterable[Part]) -> None:
        """Retires what these chunks found dead."""
        for app, retirements in retirements_by_app(parts).items():
            retired = await self.store.devices.retire(app, retirements, self.clock.now())
            if retired:
                self.metrics.devices_retired.labels("unregistered").inc(retired)
                log.info("devices_retired", app=app, devices=retired)


def retirements_by_app(parts: Iterable[Part]) -> dict[str, list[Retirement]]:
    """The evidence in these chunks: it holds up to the provider's own time for it, or else the time of the look-up.

    A device that registered after that is kept (Apple, Handling notification responses: "stop until the device
    registers a token with a later timestamp").
    """
    found: dict[str, list[Retirement]] = defaultdict(list)
    for part in parts:
        for one in part.undelivered:
            if one.fate is Fate.UNREGISTERED:
                found[part.app].append(Retirement(one.device, one.reason, one.since or part.looked_up_at))
    return dict(found)
