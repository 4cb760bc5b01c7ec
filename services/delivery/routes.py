"""The breakers of this process's routes: who may go by them, and what was heard of them."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.delivery.breaker import Breaker
from services.delivery.flight import Flight
from services.delivery.transport.contract import REQUEST_TIMEOUT
from shared.flow.parking import LATEST, SOONEST
from shared.providers.contract import Origin
from shared.runtime.clock import Time
from shared.runtime.metrics import Metrics

PATIENCE: Final = 2 * REQUEST_TIMEOUT
"""For a try of an open route: it has an end by then, or will never have one."""

log = structlog.get_logger()


class Routes:
    """Lives as long as the process; shared by all its chunks. It knows only routes with which something is wrong."""

    def __init__(self, platform: str, clock: Time, metrics: Metrics, rng: random.Random) -> None:
        self._platform = platform
        self._clock = clock
        self._metrics = metrics
        self._rng = rng
        self._breakers: dict[Origin, Breaker] = {}
        self._variants: dict[str, Origin] = {}
        """The route of each variant that something failed for."""

    def until(self, variant: str) -> datetime | None:
        """When what this variant sends comes again; None: it may go, or be tried."""
        route = self._variants.get(variant)
        breaker = self._breakers.get(route) if route is not None else None
        now = self._clock.now()
        if breaker is None or breaker.until is None or now >= breaker.until:
            return None
        return self.look(breaker.until)

    def look(self, until: datetime) -> datetime:
        """When what waits for a route comes again: soon after it may be tried."""
        now = self._clock.now()
        return min(max(until, now + self._clock.scaled(SOONEST)), now + self._clock.scaled(LATEST))

    def open(self, flight: Flight) -> Breaker | None:
        """The breaker of the flight's route, if it is not closed."""
        if not self._breakers:
            return None
        breaker = self._breakers.get(flight.origin)
        return None if breaker is None or breaker.closed else breaker

    def take(self, breaker: Breaker) -> bool:
        """Whether one notification may be tried now."""
        return breaker.take(self._clock.now(), PATIENCE)

    def heard(self, flights: Sequence[Flight]) -> None:
        """What became of these."""
        if not self._breakers and not any(flight.down for flight in flights):
            return
        sums: dict[Origin, list[int]] = defaultdict(lambda: [0, 0])
        for flight in flights:
            if flight.down:
                self._variants[flight.variant.variant.id] = flight.origin
            if flight.down or flight.origin in self._breakers:
                sums[flight.origin][0] += flight.asked - flight.down if flight.fine or flight.refused else 0
                sums[flight.origin][1] += flight.down
        for origin, (fine, down) in sums.items():
            self._told(origin, fine, down)

    def _told(self, origin: Origin, fine: int, down: int) -> None:
        breaker = self._breakers.get(origin)
        if breaker is None:
            breaker = self._breakers[origin] = Breaker(self._clock.scaled, self._rng)
        was_closed = breaker.closed
        breaker.heard(fine, down, self._clock.now())
        if was_closed != breaker.closed:
            opened = not breaker.closed
            seconds = (breaker.until - self._clock.now()) / timedelta(seconds=1) if breaker.until else 0.0
            log.warning("breaker_opened" if opened else "breaker_closed", host=origin.host, seconds=round(seconds, 1))
            self._metrics.breakers_opened.labels(self._platform).inc(opened)
        if breaker.quiet:
            del self._breakers[origin]
            self._variants = {variant: route for variant, route in self._variants.items() if route != origin}
        waiting = sum(not one.closed for one in self._breakers.values())
        self._metrics.breaker_state.labels(self._platform).set(waiting)
