"""Closes by counting what is open past its deadline: an ordinary record for every open chunk and retry."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Final

import structlog

from services.planner.mending import Debt, Open, platform_of
from services.planner.publishing import Publishing
from shared.flow.identity import root_of, send_of
from shared.flow.plan import Counted, ListRange, Plan, PlannedRoute, ShardRange, chunk_of
from shared.flow.record import Count, Part, Record
from shared.flow.send import Route, Send
from shared.flow.verdict import Fate
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.errors import Lost

AT_ONCE: Final = 8
EXPIRED: Final = (Fate.EXPIRED, "")
DROPPED: Final = (Fate.FAILED, "dropped")
"""An operator gave it up."""
UNKNOWN: Final = (Fate.FAILED, "unknown_outcome")
"""What may have been delivered by the attempt before did not expire: nobody knows."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Counting:
    """Lives as long as the process. Who loses an insert drops its count, so that a slow worker's truth stands."""

    store: Store
    clock: Clock
    metrics: Metrics
    publishing: Publishing

    async def close(self, send: Send, plan: Plan, open_: Open, fate: tuple[Fate, str] = EXPIRED) -> None:
        """Closes what is open, as expired. A debt that a worker records meanwhile is found by the next look."""
        limit = asyncio.Semaphore(AT_ONCE)
        work = [self._first(send, plan, member, limit, fate) for member, _ in open_.firsts]
        work += [self._debt(send, plan, debt, limit, fate) for debt in open_.debts]
        closed = sum(await asyncio.gather(*work))
        self.metrics.closed_by_counting.labels(fate[1] or "deadline").inc(closed)
        log.info("closed_by_counting", send=send.key, chunks=closed)
        await self.publishing.again(send.lane, send.key)

    async def unplanned(self, send: Send) -> Plan:
        """A send whose deadline passed before it was planned: a plan without slices holds the count."""
        counted = [
            Counted(variant=route.variant, platform=route.platform, n=await self._whole(send, route))
            for route in send.routes
        ]
        plan = Plan(
            key=send.key, app=send.app, lane=send.lane, accepted_at=send.accepted_at, deadline=send.deadline,
            routes=(), counted=tuple(counted), dry_run=send.request.dry_run,
        )  # fmt: skip
        return await self.store.plans.insert(plan)

    async def _whole(self, send: Send, route: Route) -> int:
        audience = send.request.audience
        if not send.walks_lists:
            return await self.store.devices.total(send.app, route.variant, audience)
        lengths = send.lists.get(send.list_for(route.variant), ())
        pieces = [ListRange(part, 0, length) for part, length in enumerate(lengths)]
        planned = PlannedRoute(variant=route.variant, platform=route.platform, chunks=())
        return sum([await self._matched(send, planned, piece) for piece in pieces])

    async def _first(
        self, send: Send, plan: Plan, member: str, limit: asyncio.Semaphore, fate: tuple[Fate, str]
    ) -> bool:
        async with limit:
            route_number, number = root_of(member)
            route = plan.routes[route_number]
            chunk = int(member.rsplit("/", 1)[1])
            matched = await self._matched(send, route, chunk_of(route, number, chunk))
            return await self._insert(
                closed(send.app, route.variant, route.platform, member, matched, self.clock.now(), fate=fate), plan
            )

    async def _debt(self, send: Send, plan: Plan, debt: Debt, limit: asyncio.Semaphore, fate: tuple[Fate, str]) -> bool:
        async with limit:
            parent = await self.store.records.part(debt.parent)
            if parent is None:
                return False
            owed = next((one for one in parent.owed if one.step == debt.step), None)
            matched = len(owed.devices) if owed else 0
            ended = UNKNOWN if owed and owed.unknown else fate
            platform = platform_of(plan, debt.parent)
            return await self._insert(
                closed(send.app, parent.variant, platform, debt.member, matched, self.clock.now(), fate=ended), plan
            )

    async def _matched(self, send: Send, route: PlannedRoute, where: ShardRange | ListRange) -> int:
        """How many devices a chunk covers now, under the send's filter."""
        audience, devices = send.request.audience, self.store.devices
        if audience.provider_kept is not None:
            return 1
        if isinstance(where, ShardRange):
            return await devices.count(send.app, route.variant, where, audience, route.look)
        names = await self.store.lists.named(send, route.variant, where)
        if audience.tokens is not None:
            return len(names)
        if audience.users is not None:
            return len(await devices.of_users(send.app, route.variant, names, audience))
        return len(await devices.by_id(send.app, route.variant, [bytes.fromhex(n) for n in names], audience))

    async def _insert(self, part: Part, plan: Plan) -> bool:
        part = part.model_copy(update={"dry_run": True}) if plan.dry_run else part
        try:
            await self.store.records.insert(Record(id=part.member, by=token_hex(8), at=self.clock.now(), parts=(part,)))
        except Lost:
            return False
        return True


def closed(  # noqa: PLR0913  # a part is made of all of it
    app: str, variant: str, platform: str, member: str, matched: int, now: datetime, *, fate: tuple[Fate, str] = EXPIRED
) -> Part:
    """A closing part: so many devices, counted and not looked at one by one."""
    return Part(
        member=member,
        send=send_of(member),
        app=app,
        variant=variant,
        platform=platform,
        matched=matched,
        counts=(Count(fate=fate[0], reason=fate[1], n=matched),) if matched else (),
        looked_up_at=now,
        closing=True,
    )
