"""Sums dirty sends: each at most 4 times a second, less often the longer a sum takes. The last sum makes it final."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

import structlog

from services.reporter.deriving import Deriving
from services.reporter.feedback import Feedback
from shared.bus.errors import BusError
from shared.flow.books import unclosed
from shared.flow.plan import Plan
from shared.flow.report import report
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.errors import StoreAway

LEAST_BETWEEN: Final = 0.25
"""Seconds between two sums of one send."""
SHARE: Final = 4
"""A sum that takes so long is repeated after so many times as long."""
NAP: Final = 0.05
PLANS_KEPT: Final = 100

log = structlog.get_logger()


@dataclass(slots=True)
class Summing:
    """Lives as long as the process. What it forgets when it dies, the sweep reminds another of."""

    store: Store
    clock: Clock
    metrics: Metrics
    feedback: Feedback
    deriving: Deriving
    _dirty: dict[str, float] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)
    _plans: dict[str, Plan] = field(default_factory=dict)

    def dirty(self, key: str) -> None:
        """Something was recorded for this send."""
        self._dirty.setdefault(key, time.monotonic())

    async def run(self) -> None:
        """Sums until cancelled."""
        while True:
            await asyncio.sleep(NAP)
            await self.due()

    async def due(self, *, all_: bool = False) -> None:
        """Every dirty send whose time has come; on drain, all of them."""
        now = time.monotonic()
        for key in [key for key in self._dirty if all_ or self._not_before.get(key, 0.0) <= now]:
            del self._dirty[key]
            began = time.monotonic()
            try:
                await self._sum(key)
            except (StoreAway, BusError) as error:
                log.warning("not_summed", send=key, error=type(error).__name__)
                self._dirty.setdefault(key, began)
            except asyncio.CancelledError:  # on drain, which sums what is left
                self._dirty.setdefault(key, began)
                raise
            took = time.monotonic() - began
            if key in self._plans or key in self._dirty:  # else it is finished, and forgotten
                self._not_before[key] = time.monotonic() + max(LEAST_BETWEEN, SHARE * took)

    async def _sum(self, key: str) -> None:
        plan = await self._plan(key)
        if plan is None:
            return
        now = self.clock.now()
        summed = report(plan, await self.store.records.sum(key), finished_at=now)
        if summed.state == "finished":
            for problem in unclosed(summed):
                log.error("books_do_not_close", send=key, problem=problem)
            await self.deriving.derive_unheard(key)
        if await self.store.reports.write(key, summed, now):
            log.info("finished", send=key, **summed.total.model_dump(exclude={"reasons"}))
        if summed.state == "finished":
            await self._tell(key)
            self._forget(key)

    async def _tell(self, key: str) -> None:
        """The event is part of the final report; whoever finds it untold tells it, with the same id."""
        if await self.store.reports.is_told(key):
            self.metrics.late_results.inc()
            return
        final = await self.store.reports.get(key)
        if final is not None:
            await self.feedback.finished([(key, final)])
            await self.store.reports.told(key)

    async def _plan(self, key: str) -> Plan | None:
        if key not in self._plans:
            plan = await self.store.plans.get(key)
            if plan is None:
                return None
            while len(self._plans) >= PLANS_KEPT:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = plan
        return self._plans[key]

    def _forget(self, key: str) -> None:
        self._plans.pop(key, None)
        self._not_before.pop(key, None)
