"""Makes the plan of a send that is not small: inserted once, before anything is published."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

import structlog

from shared.flow.canary import sampled_lists, sampled_range, share_of
from shared.flow.limiting import chunk_size, spread
from shared.flow.plan import CHUNKS_IN_A_SLICE, Plan, PlannedRoute, cut_lists, cut_range
from shared.flow.send import EXCLUDED, Route, Send
from shared.runtime.clock import Clock
from shared.runtime.tracing import Step, Tracing, carried
from shared.store.connection import Store
from shared.store.survey import ENOUGH, SAMPLES, sample

EXAMINED_FOR_ONE: Final = 40
"""So many devices looked at cost a chunk about what one notification does: 20,000 in a chunk take some 50 ms."""

log = structlog.get_logger()


class Extent(NamedTuple):
    """How much there is of one variant: list parts of these lengths, or about so many devices under this look."""

    lengths: tuple[int, ...] | None = None
    devices: int = 0
    look: int = -1


@dataclass(frozen=True, slots=True)
class Planning:
    """Lives as long as the process; safe to run twice and in two replicas."""

    store: Store
    clock: Clock
    chunk_size: int
    patience: timedelta
    """How long after planning the sweep first looks at the send."""
    tracing: Tracing | None = None

    async def plan(self, send: Send) -> Plan:
        """The plan of this send, on the schedule: ours, or the one of whoever was first."""
        if self.tracing is None or not send.trace:
            return await self._plan(send)
        with self.tracing.steps("plan", "consumer", [Step(send.key, send.trace)]) as span:
            plan = await self._plan(send)
            span.tell(0, {"carillon.chunks": plan.chunks})
        return plan

    async def _plan(self, send: Send) -> Plan:
        plan = await self.store.plans.get(send.key)
        if plan is not None and await self.store.reports.is_told(send.key):
            return plan  # finished and off the schedule: a wake-up that came very late
        if plan is None:
            routes, pace = await self._routes(send)
            plan = await self.store.plans.insert(
                Plan(
                    key=send.key, app=send.app, lane=send.lane, accepted_at=send.accepted_at,
                    begins_at=send.begins_at, deadline=send.deadline, routes=routes, pace=pace,
                    dry_run=send.request.dry_run, trace=carried().get(send.key, send.trace),
                )
            )  # fmt: skip
            log.info("planned", send=send.key, chunks=plan.chunks, slices=sum(len(r.chunks) for r in plan.routes))
        await self.store.schedule.add(send, self.clock.now() + self.patience, self.patience)
        if send.begins_at is not None:
            await self.store.schedule.feed(send.key)
        return plan

    async def _routes(self, send: Send) -> tuple[tuple[PlannedRoute, ...], float | None]:
        """Each variant cut into slices, and the pace; how many devices there are is known of all of them first."""
        limits = await self.store.variants.limits(route.variant for route in send.routes)
        found = [(route, await self._extent(send, route)) for route in send.routes]
        listed = sum(sum(lengths) for name, lengths in send.lists.items() if not name.startswith(EXCLUDED))
        total = listed + sum(extent.devices for _, extent in found)
        share = share_of(send.request.canary, total) if send.request.canary is not None else None
        rate = send.request.per_minute
        if rate is not None:  # of what is spread, each chunk has a moment of its own
            size, pace = spread(self.chunk_size, rate, total)
            return tuple(_cut(route, extent, size, 1, share) for route, extent in found), pace
        usual, whole = self.chunk_size, CHUNKS_IN_A_SLICE
        return tuple(
            _cut(route, extent, chunk_size(usual, limits.get(route.variant, (0, None))[1]), whole, share)
            for route, extent in found
        ), None

    async def _extent(self, send: Send, route: Route) -> Extent:
        """How much there is of one variant. Where few fit of many that are looked at, a chunk is for fewer devices."""
        if send.walks_lists:
            return Extent(lengths=tuple(send.lists.get(send.list_for(route.variant), ())))
        if not send.request.audience.narrowed:
            return Extent(devices=await self._estimate(send, route))
        found = await self.store.survey.of(send.app, route.variant, send.request.audience, send.key)
        return Extent(devices=max(found.matched, found.examined // EXAMINED_FOR_ONE), look=found.look)

    async def _estimate(self, send: Send, route: Route) -> int:
        """About how many devices the scan of a variant finds, from counting a sample of the shard range."""
        for share in SAMPLES[:-1]:
            where = sample(send.key, share)
            counted = await self.store.devices.count(send.app, route.variant, where, send.request.audience)
            if counted >= ENOUGH:
                return counted * share
        return await self.store.devices.total(send.app, route.variant, send.request.audience)


def _cut(route: Route, extent: Extent, size: int, in_a_slice: int, share: float | None) -> PlannedRoute:
    """One variant, with a sample of its own if there is a canary."""
    named, sample = {"variant": route.variant, "platform": route.platform}, 0
    if extent.lengths is None:
        if share is None:
            bounds, chunks = cut_range(extent.devices, size, in_a_slice)
        else:
            bounds, chunks, sample = sampled_range(extent.devices, share, size, in_a_slice)
        return PlannedRoute(**named, bounds=bounds, chunks=chunks, sample=sample, look=extent.look)
    if share is None:
        pieces, chunks = cut_lists(extent.lengths, size, in_a_slice)
    else:
        pieces, chunks, sample = sampled_lists(extent.lengths, share, size, in_a_slice)
    return PlannedRoute(**named, pieces=pieces, chunks=chunks, sample=sample)
