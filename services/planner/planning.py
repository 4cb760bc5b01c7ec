"""Makes the plan of a send that is not small: inserted once, before anything is published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from shared.flow.limiting import chunk_size
from shared.flow.plan import Plan, PlannedRoute, cut_lists, cut_range
from shared.flow.send import Route, Send
from shared.runtime.clock import Clock
from shared.store.connection import Store
from shared.store.survey import ENOUGH, SAMPLES, sample

EXAMINED_FOR_ONE: Final = 40
"""So many devices looked at cost a chunk about what one notification does: 20,000 in a chunk take some 50 ms."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Planning:
    """Lives as long as the process; safe to run twice and in two replicas."""

    store: Store
    clock: Clock
    chunk_size: int
    patience: timedelta
    """How long after planning the sweep first looks at the send."""

    async def plan(self, send: Send) -> Plan:
        """The plan of this send, on the schedule: ours, or the one of whoever was first."""
        plan = await self.store.plans.get(send.key)
        if plan is not None and await self.store.reports.is_told(send.key):
            return plan  # finished and off the schedule: a wake-up that came very late
        if plan is None:
            routes = tuple([await self._route(send, route) for route in send.routes])
            plan = await self.store.plans.insert(
                Plan(
                    key=send.key, app=send.app, lane=send.lane, accepted_at=send.accepted_at,
                    deadline=send.deadline, routes=routes, dry_run=send.request.dry_run,
                )
            )  # fmt: skip
            log.info("planned", send=send.key, chunks=plan.chunks, slices=sum(len(r.chunks) for r in plan.routes))
        await self.store.schedule.add(send, self.clock.now() + self.patience, self.patience)
        return plan

    async def _route(self, send: Send, route: Route) -> PlannedRoute:
        _, rate = (await self.store.variants.limits([route.variant])).get(route.variant, (0, None))
        size = chunk_size(self.chunk_size, rate)
        lengths = _lengths(send, route)
        if lengths is not None:
            pieces, chunks = cut_lists(lengths, size)
            return PlannedRoute(variant=route.variant, platform=route.platform, pieces=pieces, chunks=chunks)
        if send.request.audience.narrowed:
            return await self._narrowed(send, route, size)
        estimate = await self._estimate(send, route)
        bounds, chunks = cut_range(estimate, size)
        return PlannedRoute(variant=route.variant, platform=route.platform, bounds=bounds, chunks=chunks)

    async def _narrowed(self, send: Send, route: Route, size: int) -> PlannedRoute:
        """A scan under a filter: where few fit of many that are looked at, a chunk is for fewer devices."""
        found = await self.store.survey.of(send.app, route.variant, send.request.audience, send.key)
        bounds, chunks = cut_range(max(found.matched, found.examined // EXAMINED_FOR_ONE), size)
        return PlannedRoute(
            variant=route.variant, platform=route.platform, bounds=bounds, chunks=chunks, look=found.look
        )

    async def _estimate(self, send: Send, route: Route) -> int:
        """About how many devices the scan of a variant finds, from counting a sample of the shard range."""
        for share in SAMPLES[:-1]:
            where = sample(send.key, share)
            counted = await self.store.devices.count(send.app, route.variant, where, send.request.audience)
            if counted >= ENOUGH:
                return counted * share
        return await self.store.devices.total(send.app, route.variant, send.request.audience)


def _lengths(send: Send, route: Route) -> Sequence[int] | None:
    """The lengths of the stored parts that this route walks, or None if it scans the registry."""
    return send.lists.get(send.list_for(route.variant), ()) if send.walks_lists else None
