"""Looks now and then which credentials run out, and when; every reporter does, as each is asked for its metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import ValidationError

from services.reporter.again import again_and_again
from shared.providers.contract import VariantSettings
from shared.providers.registry import provider
from shared.runtime.by_app import NAMED, OTHER
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.variants import Variant

EVERY: Final = timedelta(hours=1)
LEAST_EVERY: Final = timedelta(seconds=5)
"""Never scaled: so often at most."""
DUTY: Final = "credentials"
DAY: Final = timedelta(days=1)
Key = tuple[str, str]
"""App and platform."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Expiring:
    """Lives as long as the process."""

    store: Store
    clock: Time
    life: Life
    metrics: Metrics

    async def run(self) -> None:
        """Rounds until the process is asked to stop."""
        await again_and_again(self.life, LEAST_EVERY, DUTY, self.round, then=max(self.clock.scaled(EVERY), LEAST_EVERY))

    async def round(self) -> None:
        """Every variant there is."""
        left: dict[Key, float] = {}
        now = self.clock.now()
        async for variant in self.store.variants.everywhere():
            end, key = _end_of(variant), (variant.app, variant.platform)
            if end is not None:
                left[key] = min((end - now) / DAY, left.get(key, float("inf")))
        gauge = self.metrics.credential_days_left
        gauge.clear()
        for key, days in soonest(left).items():
            self.metrics.credential_days_left.labels(*key).set(days)


def soonest(left: Mapping[Key, float], named: int = NAMED) -> dict[Key, float]:
    """Those that run out first by name; of all others, by platform, the one that does."""
    ordered = sorted(left.items(), key=lambda one: (one[1], one[0]))
    shown = dict(ordered[:named])
    for (_, platform), days in ordered[named:]:
        shown[OTHER, platform] = min(days, shown.get((OTHER, platform), days))
    return shown


def _end_of(variant: Variant) -> datetime | None:
    try:
        settings: VariantSettings = provider(variant.platform).Settings.model_validate(variant.settings)
    except (LookupError, ValidationError):
        log.warning("variant_unreadable", variant=variant.id)
        return None
    return settings.not_after
