"""Finds in the store what is owed and nobody works on: publishes it again, with doubling, or closes it by counting.

Every accepted send is looked at once, when it is some seconds old. What is open then stays on the schedule until it has
all its records. So no lost queue, crash or dead letter leaves a send stuck.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from services.planner.counting import Counting
from services.planner.mending import LONGEST, Debt, Open, next_look, still_open, to_publish
from services.planner.planning import Planning
from services.planner.publishing import Publishing
from shared.bus.errors import BusError
from shared.flow.plan import Plan, own_plan
from shared.flow.report import settled
from shared.flow.send import CLOSING_GRACE, Send
from shared.runtime.clock import Clock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.errors import StoreAway
from shared.store.schedule import Scheduled

EVERY: Final = timedelta(seconds=5)
LEAST_AGE: Final = timedelta(seconds=5)
"""Never scaled: a send younger than this is most likely still on its way."""
LATE: Final = timedelta(minutes=2)
"""Never scaled: sends are looked at a second time at this age, for a store so slow that an insert took longer than the
first look waits. No insert is tried for longer than this."""
LEAST_WAIT: Final = timedelta(seconds=2)
"""Never scaled: what is on its way is not published a second time sooner."""
CLOSE_AGAIN: Final = timedelta(seconds=1)
"""After closing, until what was closed is visible with majority."""
START: Final = timedelta(days=29)
"""How far back the first sweep of all looks; no send lives longer."""
PAGE: Final = 1000
LEASE: Final = timedelta(seconds=30)
"""How long one planner has for a look before another takes the send up."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweep:
    """Lives as long as the process; two of them share the work."""

    store: Store
    clock: Clock
    metrics: Metrics
    life: Life
    planning: Planning
    publishing: Publishing
    counting: Counting
    age: timedelta
    """How old a send is when it is looked at, before the time scale."""

    async def run(self) -> None:
        """Sweeps until the process is asked to stop."""
        first = max(self.clock.scaled(self.age), LEAST_AGE)
        while await self.life.pause(max(self.clock.scaled(EVERY), timedelta(milliseconds=500))):
            await self._unharmed(lambda: self.accepted("accepted", first))
            await self._unharmed(lambda: self.accepted("late", LATE))
            await self._unharmed(self.scheduled)

    async def _unharmed(self, work: Callable[[], Awaitable[None]]) -> None:
        """What fails holds up nothing else."""
        try:
            await work()
        except (BusError, StoreAway) as error:
            log.warning("sweep_interrupted", error=type(error).__name__)
        except Exception:
            log.exception("sweep_failed")

    @property
    def patience(self) -> timedelta:
        """How long something may lie before it is looked at again."""
        return max(self.clock.scaled(self.age), LEAST_WAIT)

    async def accepted(self, mark: str, age: timedelta) -> None:
        """Moves a watermark on over the sends that are so old by now; the open ones go on the schedule."""
        until = self.clock.now() - age
        while not self.life.draining:
            before = await self.store.schedule.swept_until(mark, until - START)
            page = await self.store.sends.accepted_between(before, until, PAGE)
            after = page_end([at for at, _ in page], until)
            sends = [send for at, send in page if send is not None and at <= after]
            for send in await self._unsettled(sends):
                await self.store.schedule.add(send, self.clock.now(), self.patience)
                self.metrics.swept.labels("send").inc()
            if not await self.store.schedule.sweep_on(mark, before, after) or after == until:
                return

    async def _unsettled(self, sends: list[Send]) -> list[Send]:
        """Those without all their records, or with a record whose result nobody heard."""
        small = [send for send in sends if send.small]
        parts = await self.store.records.of_sends(send.key for send in small)
        finished = {send.key for send in small if settled(len(send.routes), parts[send.key])}
        records = await self.store.records.ids_of_sends(finished)
        unheard = await self.store.heard.unheard({one for found in records.values() for one in found})
        done = {key for key in finished if not records[key] & unheard}
        done |= {send.key for send in sends if not send.small and await self.store.reports.is_told(send.key)}
        return [send for send in sends if send.key not in done]

    async def scheduled(self) -> None:
        """Looks at every send whose time has come."""
        while not self.life.draining:
            entry = await self.store.schedule.due(self.clock.now(), LEASE)
            if entry is None:
                return
            await self._unharmed(partial(self.look, entry))

    async def look(self, entry: Scheduled) -> None:
        """One send: finished, to be closed, or to be helped on."""
        send = await self.store.sends.get(entry.key)
        if send is None:
            await self.store.schedule.remove(entry.key)
            return
        now = self.clock.now()
        closes_at = send.deadline + self.clock.scaled(CLOSING_GRACE)
        plan = await self._plan(send, late=now >= closes_at)
        recorded = await self.store.records.recorded_members(send.key)
        debts = [Debt(*one) for one in await self.store.records.debts(send.key)]
        open_ = still_open(plan, recorded, debts)
        if not open_:
            await self._finish(send, entry, len(recorded))
        elif now >= closes_at:
            await self.counting.close(send, plan, open_)
            await self.store.schedule.check_again(entry, now + CLOSE_AGAIN, entry.wait, len(recorded))
        else:
            await self._help(send, plan, entry, open_, len(recorded), closes_at)

    async def _plan(self, send: Send, *, late: bool) -> Plan:
        plan = own_plan(send) if send.small else await self.store.plans.get(send.key)
        if plan is not None:
            return plan
        self.metrics.swept.labels("plan").inc()
        return await (self.counting.unplanned(send) if late else self.planning.plan(send))

    async def _finish(self, send: Send, entry: Scheduled, recorded: int) -> None:
        """Everything has a record. A report that is not final yet, or was never told, is derived again."""
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


def page_end(moments: Sequence[datetime], until: datetime) -> datetime:
    """How far a page of sends reaches: all the way if it is not full, else short of its last moment, which may go on.

    A page of a single moment is all there is of it: more sends than a page in one millisecond are not accepted.
    """
    if len(moments) < PAGE:
        return until
    earlier = [moment for moment in moments if moment < moments[-1]]
    return earlier[-1] if earlier else moments[-1]
