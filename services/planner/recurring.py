"""Makes the sends of a repeated send as their moments come; the repeated one itself is never sent.

The id of each follows from its moment, so that two planners make it once. Nothing is remembered beside: which moment is
due follows from the time, so that a planner that was down goes on with the last one, if that is still fresh.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog

from shared.flow.order import Standing
from shared.flow.plan import Plan
from shared.flow.repetition import due, repetition
from shared.flow.send import Send
from shared.ordering import WAIT
from shared.roster import Rosters
from shared.runtime.clock import Clock
from shared.store.connection import Store
from shared.store.schedule import Scheduled

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recurring:
    """Lives as long as the process."""

    store: Store
    clock: Clock
    rosters: Rosters

    async def next(self, send: Send, entry: Scheduled, standing: Standing | None) -> bool:
        """Makes what is due; whether there will be more. A paused one makes none, nor makes up for it later."""
        now, repeat = self.clock.now(), send.request.repeat
        if repeat is None:
            return False
        moment = due(send, now, await self._since(send)) if standing is None else None
        if moment is not None:
            await self._make(send, moment, now)
        after = repeat.after(now)
        if after is not None:
            await self.store.schedule.check_again(entry, after, entry.wait, entry.seen)
        return after is not None

    async def end(self, send: Send) -> Plan:
        """A plan of nothing: it is finished, what it became is in sends of their own."""
        return await self.store.plans.insert(
            Plan(
                key=send.key, app=send.app, lane=send.lane, accepted_at=send.accepted_at, deadline=send.deadline,
                routes=(),
            )
        )  # fmt: skip

    async def _since(self, send: Send) -> datetime:
        """From when on moments count: its first one, or when it was resumed."""
        resumed = await self.store.orders.resumed_at(send.key)
        begins = send.begins_at or send.accepted_at
        return begins if resumed is None else max(begins, resumed)

    async def _make(self, send: Send, moment: datetime, now: datetime) -> None:
        targets = (await self.rosters.of(send.app, fresh=True)).targets
        one = repetition(send, moment, now, targets)
        if not await self.store.sends.insert([one]):
            log.info("repeated", send=one.key)
            await self.store.schedule.add(one, moment, WAIT)  # should that get lost, the sweep finds the send
