"""Sums dirty sends: each at most 4 times a second, less often the longer a sum takes. The last sum makes it final."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from services.reporter.deriving import Deriving, NotVisible
from services.reporter.feedback import Feedback
from shared.bus.errors import BusError
from shared.flow.books import unclosed
from shared.flow.plan import Plan
from shared.flow.report import Report, Sum, report
from shared.full_reports import line_of, of_records
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import NONE, Tracing, carried, carrying, ended
from shared.store.connection import Store
from shared.store.errors import StoreAway

LEAST_BETWEEN: Final = 0.25
"""Seconds between two sums of one send."""
SHARE: Final = 4
"""A sum that takes so long is repeated after so many times as long."""
MOST_BETWEEN: Final = 5.0
"""Seconds that no sum waits longer for its turn: one that hung through an outage says nothing about the next."""
AGAIN: Final = 1.0
"""Seconds until what failed is tried again, however long it had taken to fail."""
EVENTS: Final = 1000
"""An event is not nearer to the one before it than this part of the send's age, so that long sends have few."""
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
    tracing: Tracing | None = None
    _dirty: dict[str, float] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)
    _later: dict[str, float] = field(default_factory=dict)
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
        for key in [key for key, at in self._later.items() if at <= now]:
            del self._later[key]
            self.dirty(key)
        for key in [key for key in self._dirty if all_ or self._not_before.get(key, 0.0) <= now]:
            del self._dirty[key]
            began, failed = time.monotonic(), False
            try:
                await self._sum(key)
            except (StoreAway, BusError, NotVisible) as error:
                log.warning("not_summed", send=key, error=type(error).__name__)
                self._dirty.setdefault(key, began)
                failed = True
            except Exception:  # one send's books, whatever is in them, hold up no other's; the sweep reminds us
                log.exception("not_summed", send=key)
                failed = True
            except asyncio.CancelledError:  # on drain, which sums what is left
                self._dirty.setdefault(key, began)
                raise
            now = time.monotonic()
            if failed or key in self._plans or key in self._dirty:  # else it is finished, and forgotten
                self._not_before[key] = now + (AGAIN if failed else pause_after(now - began))

    async def _sum(self, key: str) -> None:
        plan = await self._plan(key)
        if plan is not None:
            with carrying({key: plan.trace} if plan.trace and self.tracing is not None else NONE):
                await self._sum_of(plan)

    async def _sum_of(self, plan: Plan) -> None:
        key = plan.key
        now, recorded = self.clock.now(), await self.store.records.sum(key)
        last = recorded.last_answer_at or now  # by another machine's clock, which may be ahead of ours
        summed = report(plan, recorded, finished_at=max(now, last))
        if summed.state == "finished":
            for problem in unclosed(summed):
                log.error("books_do_not_close", send=key, problem=problem)
            await self.deriving.derive_unheard(key)
        if await self.store.reports.write(key, summed, now):
            self.metrics.sends_finished.inc()
            ended(self.tracing, carried(), [key])
            log.info("finished", send=key, **summed.total.model_dump(exclude={"reasons"}))
        await self.deriving.announcing.summed(key, summed.total)
        if summed.state == "finished":
            await self._tell(plan, recorded)
            self._forget(key)
        else:
            await self._append(key, summed, now - plan.since)

    async def _append(self, key: str, summed: Report, age: timedelta) -> None:
        """An event for who follows the send; one that comes too soon is made by a sum later on."""
        apart = max(timedelta(seconds=LEAST_BETWEEN), age / EVENTS)
        wait = await self.store.events.append(key, summed, self.clock.now(), apart)
        if wait:
            self._later[key] = time.monotonic() + wait.total_seconds()

    async def _tell(self, plan: Plan, recorded: Sum) -> None:
        """The event is part of the final report; whoever finds it untold tells it, with the same id."""
        key = plan.key
        if await self.store.reports.is_told(key):
            self.metrics.late_results.inc()
            return
        final = await self.store.reports.get(key)
        if final is not None:
            await self.store.events.append(key, final, self.clock.now(), timedelta())
            full = await of_records(self.store, key, line_of(plan), final, recorded, self.clock.now())
            await self.feedback.finished([(key, final)])
            await self.deriving.announcing.finished([(key, final)])
            await self.store.reports.told(key, full)

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
        self._later.pop(key, None)


def pause_after(took: float) -> float:
    """Seconds between a sum that took so many and the next of the same send."""
    return min(max(LEAST_BETWEEN, SHARE * took), MOST_BETWEEN)
