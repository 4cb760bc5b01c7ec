"""Parks variants whose credentials are refused or whose project is throttled, probes them, and resumes them.

What one notification meets is no proof; several in a row are, if none in between went through. The store tells others.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.delivery.catalog import Catalog, Credentialed, Unreadable
from services.delivery.closing import patiently
from services.delivery.flight import Flight
from services.delivery.job import Job
from shared.flow.moment import whole_milliseconds
from shared.flow.parking import ENOUGH, next_look, until_probe
from shared.providers.known_reasons import label
from shared.runtime.clock import Time
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.parking import Parked

UNREADABLE: Final = "settings_unreadable"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What parking stands on."""

    platform: str
    store: Store
    catalog: Catalog
    clock: Time
    metrics: Metrics


class Parking:
    """Lives as long as the process; shared by all its chunks."""

    def __init__(self, wiring: Wiring) -> None:
        self._on = wiring
        self._streaks: dict[str, int] = {}
        """Notifications refused in a row, by variant."""

    def look(self, parked: Parked) -> datetime:
        """When what waits for a parked variant comes again."""
        return next_look(self._on.clock.now(), parked.since, parked.probe_at, self._on.clock.scaled)

    def due(self, parked: Parked) -> bool:
        """Whether it is time for a probe."""
        return self._on.clock.now() >= parked.probe_at

    async def take_probe(self, parked: Parked) -> bool:
        """Whether this process may try one notification; no other may until the next probe."""
        if not self.due(parked):
            return False
        next_at = self._on.clock.now() + self._on.clock.scaled(until_probe(parked.probes + 1))
        taken = await patiently(lambda: self._on.store.parking.take_probe(parked, whole_milliseconds(next_at)))
        self._on.catalog.forget(parked.variant)
        log.info("parked_variant_probed" if taken else "probed_by_another", variant=parked.variant)
        return taken

    async def resume(self, parked: Parked) -> None:
        """A notification went through."""
        self._streaks.pop(parked.variant, None)
        await patiently(lambda: self._on.store.parking.resume(parked.app, parked.variant, parked.version))
        self._on.catalog.forget(parked.variant)
        self._on.metrics.variants_resumed.labels(self._on.platform).inc()
        log.info("variant_resumed", platform=self._on.platform, variant=parked.variant, reason=parked.reason)

    async def judge(self, flights: Sequence[Flight]) -> None:
        """Draws the conclusion from attempts that are over. A flight that was refused as a whole is held: nothing of
        it was taken, so it is worked again as if it had not been.
        """
        if not self._streaks and not any(flight.refused for flight in flights):
            return
        by_variant: dict[str, list[Flight]] = defaultdict(list)
        for flight in flights:
            by_variant[flight.variant.variant.id].append(flight)
        for variant, some in by_variant.items():
            throttled = [flight for flight in some if flight.throttled]
            if throttled:
                await self._throttled(throttled)
            elif any(flight.fine for flight in some):
                self._streaks.pop(variant, None)
            elif any(flight.refused for flight in some):
                await self._refused(some)

    async def _throttled(self, flights: Sequence[Flight]) -> None:
        """One such answer is enough: it says of what, and often for how long. It holds for all who use the project."""
        wait = max(until_probe(0), *(flight.after for flight in flights))
        until: dict[str, datetime] = {}
        for one in self._on.catalog.kin(flights[0].variant):
            variant = one.variant
            parked = await self._park(variant.app, variant.id, variant.version, flights[0].reason, wait)
            await self.put_off(parked, wait)  # if another chunk had parked it, and was asked for less
            until[variant.id] = self.look(parked)
        for flight in flights:
            if flight.refused == flight.asked:
                flight.held = until[flight.variant.variant.id]

    async def put_off(self, parked: Parked, after: timedelta) -> None:
        """A probe was told to come again after this time, before the time scale."""
        at = whole_milliseconds(self._on.clock.now() + self._on.clock.scaled(after))
        await patiently(lambda: self._on.store.parking.put_off(parked, at))

    async def _refused(self, flights: Sequence[Flight]) -> None:
        refused = [flight for flight in flights if flight.refused]
        known, job = refused[0].variant, refused[0].tally.job
        until = await self._count(known, job, sum(flight.refused for flight in refused), refused[-1].reason)
        for flight in refused:
            if flight.refused == flight.asked:
                flight.held = until

    async def unreadable(self, known: Unreadable, job: Job, devices: int) -> datetime | None:
        """As for what is refused: until when the variant is left alone, or None as long as it is not parked."""
        if known.parked is not None:
            await self.take_probe(known.parked)
        return await self._count(known, job, devices, UNREADABLE)

    async def _count(self, known: Credentialed | Unreadable, job: Job, refused: int, reason: str) -> datetime | None:
        variant = job.route.variant
        self._streaks[variant] = self._streaks.get(variant, 0) + refused
        if known.parked is not None:
            return self.look(known.parked)
        if self._streaks[variant] < ENOUGH:
            return None
        version = known.variant.version if isinstance(known, Credentialed) else known.version
        return self.look(await self._park(job.send.app, variant, version, reason, until_probe(0)))

    async def _park(self, app: str, variant: str, version: int, reason: str, first_probe: timedelta) -> Parked:
        since = whole_milliseconds(self._on.clock.now())
        probe_at = whole_milliseconds(since + self._on.clock.scaled(first_probe))
        parked = Parked(variant, app, version, reason, since, probe_at)
        if await patiently(lambda: self._on.store.parking.park(parked)):
            self._on.metrics.variants_parked.labels(self._on.platform, label(self._on.platform, reason)).inc()
            log.warning("variant_parked", platform=self._on.platform, variant=variant, app=app, reason=reason)
        self._on.catalog.forget(variant)
        return parked
