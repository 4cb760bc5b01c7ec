"""Judges a canary: when its sample has all its records and the wait is over, the rest goes, or the send is paused."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from services.planner.publishing import Publishing
from shared.flow.canary import failed_share
from shared.flow.order import Order
from shared.flow.plan import Plan
from shared.runtime.clock import Time
from shared.store.connection import Store
from shared.store.schedule import Scheduled

CANARY: Final = "canary"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Judging:
    """Lives as long as the process. Two planners judge alike, and one of them says so."""

    store: Store
    clock: Time
    publishing: Publishing

    async def look(self, entry: Scheduled, plan: Plan) -> None:
        """A send whose sample is done; it is not fed on before it was judged."""
        now = self.clock.now()
        if entry.sampled_at is None:
            await self.store.schedule.sampled(entry.key, now)
            return
        send = await self.store.sends.get(entry.key)
        canary = send.request.canary if send is not None else None
        if canary is None or now < entry.sampled_at + self.clock.scaled(timedelta(seconds=canary.wait)):
            return
        failed = failed_share(await self.store.records.sum(plan.key))
        if failed > canary.most_failed:  # first, so that nothing goes on should we die between
            await self.store.orders.give(plan.key, Order.PAUSED, now, CANARY)
        if await self.store.schedule.judge(plan.key):
            log.info("canary_judged", send=plan.key, failed=round(failed, 4), bound=canary.most_failed)
            await self.publishing.again(plan.lane, plan.key)
