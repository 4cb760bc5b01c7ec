"""What this process thinks of its routes: their breakers and budgets, who may go by them, what was heard of them."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.delivery.breaker import Breaker
from services.delivery.budget import Policy
from services.delivery.budgets import Budgets
from services.delivery.flight import Flight
from services.delivery.telling import Telling
from services.delivery.transport.contract import REQUEST_TIMEOUT
from services.delivery.ways import Ways
from shared.flow.parking import LATEST, SOONEST
from shared.providers.contract import Origin
from shared.runtime.clock import Time
from shared.runtime.metrics import Metrics

PATIENCE: Final = 2 * REQUEST_TIMEOUT
"""For a try of an open route: it has an end by then, or will never have one."""
LEAST_LOOK: Final = timedelta(seconds=1)
"""Between two looks at a silent route: how long requests may take is never scaled."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Around:
    """What routes may do without: a policy of budgets, somebody to tell, and eyes on the transport."""

    policy: Policy = field(default_factory=Policy)
    telling: Telling | None = None
    ways: Ways = field(default_factory=Ways)


class Routes:
    """Lives as long as the process; shared by all its chunks. It knows only routes with which something is wrong."""

    def __init__(
        self, platform: str, clock: Time, metrics: Metrics, rng: random.Random, around: Around | None = None
    ) -> None:
        around = around or Around()
        self._ways = around.ways
        self._struggling: set[str] = set()
        """Variants that were made to wait since their routes answer slowly, or not at all."""
        self.budgets = Budgets(platform, clock, metrics, rng, around.policy)
        self._telling = around.telling
        self._news = False
        """The planner does not know yet."""
        self._platform = platform
        self._clock = clock
        self._metrics = metrics
        self._rng = rng
        self._breakers: dict[Origin, Breaker] = {}
        self._variants: dict[str, Origin] = {}
        """The route of each variant that something failed for."""

    def until(self, variant: str) -> datetime | None:
        """When what this variant sends comes again; None: it may go, or be tried."""
        silent = self.silent(variant)
        if silent is not None:
            return silent
        route = self._variants.get(variant)
        breaker = self._breakers.get(route) if route is not None else None
        now = self._clock.now()
        if breaker is None or breaker.until is None or now >= breaker.until:
            return None
        return self.look(breaker.until)

    def struggling(self, variant: str) -> bool:
        """Whether what this variant sends takes its time now."""
        if not self._ways.struggling(variant):
            return False
        self._news = self._news or variant not in self._struggling
        self._struggling.add(variant)
        return True

    def silent(self, variant: str) -> datetime | None:
        """When what this variant sends comes again, if it would only wait for a route that answers nothing."""
        if not self._ways.silent(variant) or not self.struggling(variant):
            return None
        return self._clock.now() + max(self._clock.scaled(SOONEST), LEAST_LOOK)

    def look(self, until: datetime) -> datetime:
        """When what waits for a route comes again: soon after it may be tried."""
        now = self._clock.now()
        return min(max(until, now + self._clock.scaled(SOONEST)), now + self._clock.scaled(LATEST))

    def open(self, flight: Flight) -> Breaker | None:
        """The breaker of the flight's route, if it is not closed."""
        if not self._breakers:
            return None
        breaker = self._breakers.get(flight.origin)
        if breaker is None or breaker.closed:
            return None
        self._knows(flight)
        return breaker

    def used(self, flights: Sequence[Flight]) -> None:
        """These are about to go."""
        for flight in flights:
            self._ways.routes[flight.variant.variant.id] = flight.origin

    def take(self, breaker: Breaker) -> bool:
        """Whether one notification may be tried now."""
        return breaker.take(self._clock.now(), PATIENCE)

    def _knows(self, flight: Flight) -> None:
        variant = flight.variant.variant.id
        self._news = self._news or self._variants.get(variant) != flight.origin
        self._variants[variant] = flight.origin

    async def tell(self) -> None:
        """Lets the planner know for which variants nothing is sent, if that has changed."""
        if not self._news or self._telling is None:
            return
        self._news = False
        self._struggling = {variant for variant in self._struggling if self._ways.struggling(variant)}
        away = dict.fromkeys(self._struggling, self._clock.now() + PATIENCE)
        for variant, origin in self._variants.items():
            breaker = self._breakers.get(origin)
            if breaker is not None and breaker.until is not None:
                away[variant] = breaker.until + PATIENCE  # a try may take as long; what ends well is told
        await self._telling.say(away)

    def heard(self, flights: Sequence[Flight]) -> None:
        """What became of these."""
        if self._struggling and any(flight.fine for flight in flights):
            self._news = self._news or any(not self._ways.struggling(variant) for variant in self._struggling)
        if not self._breakers and not any(flight.down for flight in flights):
            return
        sums: dict[Origin, list[int]] = defaultdict(lambda: [0, 0])
        for flight in flights:
            if flight.down:
                self._knows(flight)
            if flight.down or flight.origin in self._breakers:
                sums[flight.origin][0] += flight.asked - flight.down if flight.fine or flight.refused else 0
                sums[flight.origin][1] += flight.down
        for origin, (fine, down) in sums.items():
            self._told(origin, fine, down)

    def _told(self, origin: Origin, fine: int, down: int) -> None:
        breaker = self._breakers.get(origin)
        if breaker is None:
            breaker = self._breakers[origin] = Breaker(self._clock.scaled, self._rng)
        was_closed, was_until = breaker.closed, breaker.until
        breaker.heard(fine, down, self._clock.now())
        self._news = self._news or breaker.until != was_until
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
