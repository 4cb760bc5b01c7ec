"""Closes by counting what is open past its deadline: an ordinary record for every open chunk and retry."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Final

import structlog

from services.planner.giving_back import give_back
from services.planner.mending import Debt, Open, platform_of
from services.planner.publishing import Publishing
from shared.flow.identity import root_of, send_of
from shared.flow.plan import Counted, ListRange, Plan, PlannedRoute, ShardRange, chunk_of
from shared.flow.record import AWAITED, Count, Part, Record
from shared.flow.send import Route, Send
from shared.flow.verdict import Fate
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.errors import Lost

End = tuple[Fate, str]
"""A fate and the reason for it."""
AT_ONCE: Final = 8
EXPIRED: Final[End] = (Fate.EXPIRED, "")
DROPPED: Final[End] = (Fate.FAILED, "dropped")
"""An operator gave it up."""
UNKNOWN: Final[End] = (Fate.FAILED, "unknown_outcome")
"""What may have been delivered by the attempt before did not expire: nobody knows."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Counting:
    """Lives as long as the process. Who loses an insert drops its count, so that a slow worker's truth stands."""

    store: Store
    clock: Clock
    metrics: Metrics
    publishing: Publishing

    async def close(self, send: Send, plan: Plan, open_: Open, fate: End = EXPIRED) -> None:
        """Closes what is open, as expired. A debt that a worker records meanwhile is found by the next look."""
        limit = asyncio.Semaphore(AT_ONCE)
        work = [self._alone(self.first(send, plan, member, fate), limit) for member, _ in open_.firsts]
        work += [self._alone(self.debt(send, plan, debt, fate), limit) for debt in open_.debts]
        await self.told(send, fate, sum(await asyncio.gather(*work)))
        await give_back(self.store, send, open_.debts)

    async def told(self, send: Send, fate: End, chunks: int) -> None:
        """So many chunks were closed: the reporters are to know."""
        self.metrics.closed_by_counting.labels(fate[1] or "deadline").inc(chunks)
        log.info("closed_by_counting", send=send.key, why=fate[1] or "deadline", chunks=chunks)
        await self.publishing.again(send.lane, send.key)

    async def unplanned(self, send: Send, fate: End = EXPIRED) -> Plan:
        """A send that ended before it was planned: a plan without slices holds the count."""
        counted = [
            Counted(
                variant=route.variant, platform=route.platform, n=await self._whole(send, route),
                fate=fate[0], reason=fate[1],
            )
            for route in send.routes
        ]  # fmt: skip
        plan = Plan(
            key=send.key, app=send.app, lane=send.lane, accepted_at=send.accepted_at, begins_at=send.begins_at,
            deadline=send.deadline, routes=(), counted=tuple(counted), dry_run=send.request.dry_run,
        )  # fmt: skip
        standing = await self.store.plans.insert(plan, self.clock.now())
        if standing is plan and not plan.dry_run:
            for one in plan.counted:
                self.metrics.notifications.labels(plan.app, one.platform, one.fate, one.reason).inc(one.n)
        return standing

    async def _whole(self, send: Send, route: Route) -> int:
        audience = send.request.audience
        if not send.walks_lists:
            return await self.store.devices.total(send.app, route.variant, audience)
        lengths = send.lists.get(send.list_for(route.variant), ())
        pieces = [ListRange(part, 0, length) for part, length in enumerate(lengths)]
        planned = PlannedRoute(variant=route.variant, platform=route.platform, chunks=())
        return sum([await self._matched(send, planned, piece) for piece in pieces])

    async def first(self, send: Send, plan: Plan, member: str, fate: End) -> Part:
        """A planned chunk, closed: everyone that it covers now, under the send's filter, ended so."""
        route_number, number = root_of(member)
        route = plan.routes[route_number]
        chunk = int(member.rsplit("/", 1)[1])
        matched = await self._matched(send, route, chunk_of(route, number, chunk))
        part = closed(send.app, route.variant, route.platform, member, matched, self.clock.now(), fate=fate)
        return _marked(part, plan)

    async def debt(self, send: Send, plan: Plan, debt: Debt, fate: End) -> Part | None:
        """A retry, closed: all that its parent's record lists ended so.

        None if that is not visible, or if a worker still waits for the answers, and will say itself how it ended.
        """
        parent = await self.store.records.part(debt.parent)
        if parent is None:
            return None
        owed = next((one for one in parent.owed if one.step == debt.step), None)
        if owed is not None and owed.reason == AWAITED and self.clock.now() < min(owed.due, send.deadline):
            return None
        matched = len(owed.devices) if owed else 0
        ended = UNKNOWN if owed and owed.unknown else fate
        platform = platform_of(plan, debt.parent)
        part = closed(send.app, parent.variant, platform, debt.member, matched, self.clock.now(), fate=ended)
        return _marked(part, plan)

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

    async def _alone(self, making: Awaitable[Part | None], limit: asyncio.Semaphore) -> bool:
        async with limit:
            part = await making
            return part is not None and await self.insert(part)

    async def insert(self, part: Part) -> bool:
        """Whether it was ours to close."""
        try:
            await self.store.records.insert(Record(id=part.member, by=token_hex(8), at=self.clock.now(), parts=(part,)))
        except Lost:
            return False
        self.ended(part)
        return True

    def ended(self, part: Part) -> None:
        """In the metrics; of a part that is recorded."""
        for count in () if part.dry_run else part.counts:
            self.metrics.notifications.labels(part.app, part.platform, count.fate, count.reason).inc(count.n)


def closed(  # noqa: PLR0913  # a part is made of all of it
    app: str, variant: str, platform: str, member: str, matched: int, now: datetime, *, fate: End = EXPIRED
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


def _marked(part: Part, plan: Plan) -> Part:
    return part.model_copy(update={"dry_run": True}) if plan.dry_run else part
