"""One look at a send that is owed something: finished, closed by counting, called off, paused, or helped on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.planner.calling_off import CANCELLED, CallingOff
from services.planner.counting import EXPIRED, Counting, End
from services.planner.mending import LONGEST, Debt, Open, next_look, still_open, to_publish
from services.planner.planning import Planning
from services.planner.publishing import Publishing
from services.planner.recurring import Recurring
from shared.flow.order import Order, Standing
from shared.flow.plan import Plan, own_plan
from shared.flow.send import CLOSING_GRACE, Send
from shared.flow.timing import missed
from shared.flow.verdict import Fate
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.schedule import Scheduled

CLOSE_AGAIN: Final = timedelta(seconds=1)
"""After closing, until what was closed is visible with majority."""

MISSED: Final[End] = (Fate.EXPIRED, "missed")
"""No planner was there in time."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Looking:
    """Lives as long as the process."""

    store: Store
    clock: Clock
    metrics: Metrics
    planning: Planning
    publishing: Publishing
    counting: Counting
    calling_off: CallingOff
    recurring: Recurring
    patience: timedelta
    """How long something may lie before it is looked at again."""

    async def look(self, entry: Scheduled) -> None:
        """Does what is to be done about one send, and says when to look again."""
        send = await self.store.sends.get(entry.key)
        if send is None:
            await self.store.schedule.remove(entry.key)
            return
        now, standing = self.clock.now(), await self.store.orders.get(send.key)
        over = CANCELLED if standing is not None and standing.order is Order.CANCELLED else None
        if send.request.repeat is not None:
            await self._repeated(send, entry, standing, over)
            return
        if send.begins_at is not None and over is None:
            begun = await self.store.sends.begin(send.key, now)
            if begun is None:
                again = max(send.begins_at, now + CLOSE_AGAIN)
                await self.store.schedule.check_again(entry, again, entry.wait, entry.seen)
                return
            send, over = begun[0], MISSED if _missed(*begun) else None
        elif send.begins_at is not None and not await self._over(send, entry):
            return
        await self._begun(send, entry, standing, over)

    async def _repeated(self, send: Send, entry: Scheduled, standing: Standing | None, over: End | None) -> None:
        if over is None and await self.recurring.next(send, entry, standing):
            return
        if await self._over(send, entry):
            await self.recurring.end(send)
            await self._finish(send, entry, 0, standing)

    async def _over(self, send: Send, entry: Scheduled) -> bool:
        """Whether it has ended as it was read, unbegun: nothing replaces it any more. Else it is looked at afresh."""
        now = self.clock.now()
        if await self.store.sends.end(send, now):
            return True
        await self.store.schedule.check_again(entry, now + CLOSE_AGAIN, entry.wait, entry.seen)
        return False

    async def _begun(self, send: Send, entry: Scheduled, standing: Standing | None, over: End | None) -> None:
        """`over`: nothing of it is to be sent any more; what is open ends so."""
        now, closes_at = self.clock.now(), send.deadline + self.clock.scaled(CLOSING_GRACE)
        paused = standing is not None and standing.stops(now, send.deadline)
        plan = await self._plan(send, over or (EXPIRED if now >= closes_at else None), wait=paused)
        if plan is None:
            await self._later(entry, send.deadline, entry.seen)
            return
        recorded = await self.store.records.recorded_members(send.key)
        debts = [Debt(*one) for one in await self.store.records.debts(send.key)]
        open_ = still_open(plan, recorded, debts)
        if not open_:
            await self._finish(send, entry, len(recorded), standing)
        elif over is not None:
            await self._call_off(send, plan, entry, open_, over, len(recorded))
        elif now >= closes_at:
            await self.counting.close(send, plan, open_)
            await self.store.schedule.check_again(entry, now + CLOSE_AGAIN, entry.wait, len(recorded))
        elif paused:
            await self._later(entry, closes_at, len(recorded))
        else:
            await self._help(send, plan, entry, open_, len(recorded), closes_at)

    async def _plan(self, send: Send, over: End | None, *, wait: bool) -> Plan | None:
        """The plan; one that ended unplanned gets one of counts only. None: it is paused, and not planned yet."""
        plan = own_plan(send) if send.small else await self.store.plans.get(send.key)
        if plan is not None:
            return plan
        self.metrics.swept.labels("plan").inc()
        if over is not None:
            return await self.counting.unplanned(send, over)
        return None if wait else await self.planning.plan(send)

    async def _later(self, entry: Scheduled, limit: datetime, recorded: int) -> None:
        """It is paused: until it is resumed, which asks for a look, there is nothing to do."""
        again = min(limit, self.clock.now() + max(self.clock.scaled(LONGEST), self.patience))
        await self.store.schedule.check_again(entry, max(again, self.clock.now() + CLOSE_AGAIN), entry.wait, recorded)

    async def _call_off(  # what the look has found
        self, send: Send, plan: Plan, entry: Scheduled, open_: Open, over: End, recorded: int
    ) -> None:
        until = await self.calling_off.close(send, plan, open_, over)
        soon = self.clock.now() + CLOSE_AGAIN
        # A worker that finishes sooner, hands back sooner: no need to wait for the end of its claim.
        again = soon if until is None else min(until, soon + self.patience)
        await self.store.schedule.check_again(entry, max(again, soon), entry.wait, recorded)

    async def _finish(self, send: Send, entry: Scheduled, recorded: int, standing: Standing | None) -> None:
        """Everything has a record. A report that is not final yet, or was never told, is derived again."""
        if standing is not None:
            await self.store.orders.settle(send.key, self.clock.now())
        if await self.store.reports.is_told(send.key):
            await self.store.schedule.remove(send.key)
            return
        await self.publishing.again(send.lane, send.key)
        self.metrics.swept.labels("report").inc()
        if send.small:
            await self.store.schedule.remove(send.key)
        else:
            await self.store.schedule.check_again(entry, self.clock.now() + self.patience, entry.wait, recorded)

    async def _help(
        self, send: Send, plan: Plan, entry: Scheduled, open_: Open, recorded: int, closes_at: datetime
    ) -> None:
        """Publishes again what lies still; a send that moves on is left alone but for retries that are late."""
        now, moving = self.clock.now(), recorded > entry.seen
        wanted = Open((), open_.debts) if moving else open_
        due = to_publish(plan, wanted, None if send.small else entry.released, now, self.patience)
        await self.publishing.slices([(platform, send.lane, one) for platform, one in due], bundled=send.small)
        self.metrics.swept.labels("slice").inc(len(due))
        if due:
            log.info("swept", send=send.key, slices=len(due), moving=moving)
        longest = self.clock.scaled(LONGEST)
        again = next_look(open_, now, min(entry.wait, longest), self.patience, closes_at)
        wait = self.patience if moving else min(entry.wait * 2, longest)
        await self.store.schedule.check_again(entry, again, wait, recorded)


def _missed(send: Send, begun: datetime) -> bool:
    """Of a send for local times, each zone is judged by itself, when its turn comes."""
    if send.begins_at is None or send.request.local is not None:
        return False
    return missed(send.begins_at, send.request.tolerance, begun)
