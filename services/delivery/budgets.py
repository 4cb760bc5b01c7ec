"""The retry budgets of this process's routes: which retries begin, and which wait a little, unrecorded."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from services.delivery.budget import Budget, Policy
from services.delivery.flight import Flight
from shared.providers.contract import Origin
from shared.runtime.clock import Time
from shared.runtime.metrics import Metrics

PAUSE: Final = timedelta(seconds=10)
"""How long a retry beyond the budget waits, up to twice as long; before the time scale. Then it asks again."""
IN_TIME: Final = 6
"""What has fewer such pauses left until its deadline goes at once, budget or not: it is never late because of it."""


@dataclass(slots=True)
class Budgets:
    """Lives as long as the process; shared by all its chunks. It knows only routes that owe something."""

    platform: str
    clock: Time
    metrics: Metrics
    rng: random.Random
    policy: Policy = field(default_factory=Policy)
    _budgets: dict[Origin, Budget] = field(default_factory=dict)

    def admit(self, flights: Sequence[Flight]) -> list[Flight]:
        """Those that may begin; the others are held. First attempts always may."""
        if all(flight.tally.job.parent is None for flight in flights):
            return list(flights)
        return [flight for flight in flights if flight.tally.job.parent is None or self._admitted(flight)]

    def _admitted(self, flight: Flight) -> bool:
        now, job = self.clock.now(), flight.tally.job
        budget = self._of(flight.origin)
        pause = self.clock.scaled(PAUSE)
        if budget.left(now) <= 0 and now + IN_TIME * pause < job.send.deadline:
            flight.held = now + pause * (1 + self.rng.random())
            self.metrics.retries_waited.labels(self.platform).inc(flight.asked)
            return False
        budget.spend(flight.asked, now)
        return True

    def heard(self, flights: Sequence[Flight]) -> None:
        """What became of those that were admitted."""
        if not self._budgets and not any(flight.tally.debts for flight in flights):
            return
        now = self.clock.now()
        for flight in flights:
            owed = sum(map(len, flight.tally.debts.values()))
            budget = self._of(flight.origin) if owed else self._budgets.get(flight.origin)
            if budget is not None and flight.tally.job.parent is not None:
                budget.give_back(flight.asked if flight.held is not None else flight.asked - owed, now)
            elif budget is not None and flight.held is None:
                budget.first(flight.asked, now)
        self._budgets = {origin: budget for origin, budget in self._budgets.items() if not budget.quiet(now)}
        left = min((budget.left(now) for budget in self._budgets.values()), default=self.policy.floor)
        self.metrics.retry_budget_left.labels(self.platform).set(max(left, 0))

    def _of(self, origin: Origin) -> Budget:
        budget = self._budgets.get(origin)
        if budget is None:
            budget = self._budgets[origin] = Budget(self.policy, self.clock.scaled)
        return budget
