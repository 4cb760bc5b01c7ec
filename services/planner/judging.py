"""Judges a canary: when its sample has all its records and the wait is over, the rest goes, or the send is paused.

Who only waits for a time of his own (local times, quiet hours) is not waited for, as soon as others had their turn.
"""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from services.planner.publishing import Publishing
from shared.flow.canary import failed_share
from shared.flow.order import Order
from shared.flow.plan import Plan
from shared.flow.record import OWN_TIME
from shared.runtime.clock import Time
from shared.store.connection import Store
from shared.store.schedule import Scheduled

CANARY: Final = "canary"
ASKED_AGAIN: Final = 2.0
"""Seconds, never scaled, after which it is asked again whether somebody of a sample that waits had his turn."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Judging:
    """Lives as long as the process. Two planners judge alike, and one of them says so."""

    store: Store
    clock: Time
    publishing: Publishing
    asleep: dict[str, float] = field(default_factory=dict)
    """When to ask again for samples of which nobody had his turn yet."""

    async def look(self, entry: Scheduled, plan: Plan) -> None:
        """A send whose sample is done; it is not fed on before it was judged."""
        now = self.clock.now()
        if entry.sampled_at is None:
            if await self._tried(plan.key):
                await self.store.schedule.sampled(entry.key, now)
            return
        send = await self.store.sends.get(entry.key)
        canary = send.request.canary if send is not None else None
        if canary is None or now < entry.sampled_at + self.clock.scaled(timedelta(seconds=canary.wait)):
            return
        failed = await self._failed(plan.key)
        if failed is None:
            return
        if failed > canary.most_failed:  # first, so that nothing goes on should we die between
            await self.store.orders.give(plan.key, Order.PAUSED, now, CANARY)
        if await self.store.schedule.judge(plan.key):
            log.info("canary_judged", send=plan.key, failed=round(failed, 4), bound=canary.most_failed)
            await self.publishing.again(plan.lane, plan.key)

    async def _tried(self, key: str) -> bool:
        """Whether somebody of the sample had his turn, or nobody has to wait for it."""
        if time.monotonic() < self.asleep.get(key, 0.0):
            return False
        if await self._failed(key) is not None:
            self.asleep.pop(key, None)
            return True
        self.asleep[key] = time.monotonic() + ASKED_AGAIN
        return False

    async def _failed(self, key: str) -> float | None:
        waiting = await self.store.records.waiting(key, OWN_TIME)
        return failed_share(await self.store.records.sum(key), waiting)
