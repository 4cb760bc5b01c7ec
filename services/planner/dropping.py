"""Gives slices up that an operator dropped from the dead letters: their open chunks are closed as `failed: dropped`.

What a worker has in hand meanwhile is left to it: what it sends is counted as what becomes of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.planner.calling_off import CallingOff
from services.planner.counting import DROPPED
from services.planner.mending import Debt, Open, platform_of
from shared.bus.incoming import Incoming
from shared.bus.topology import DROPS
from shared.flow.envelope import SliceDue, SlicesDue
from shared.flow.identity import member_id, parent_of, root_of, send_of
from shared.flow.plan import Plan, own_plan
from shared.flow.send import Send
from shared.runtime.clock import Clock
from shared.store.connection import Store
from shared.taking import Source, Taking, read

PREFETCH: Final = 4
LOOK_AGAIN: Final = timedelta(seconds=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Dropping:
    """One process's hold on the queue of drops. Safe to repeat: what has a record keeps it."""

    store: Store
    clock: Clock
    calling_off: CallingOff
    taking: Taking

    async def run(self) -> None:
        """Works until asked to stop, then finishes what is in hand."""
        await self.taking.run([Source(DROPS, PREFETCH, self._message)])

    async def _message(self, incoming: Incoming) -> None:
        for due in read(SlicesDue, incoming).slices:
            while await self.drop(due) is not None:
                if not await self.taking.life.pause(LOOK_AGAIN):
                    await incoming.requeue()
                    return
        await incoming.ack()

    async def drop(self, due: SliceDue) -> datetime | None:
        """Closes what is open of one slice; nothing if no stored plan explains it. Until when a worker may have it."""
        send = await self.store.sends.get(send_of(due.id))
        plan = await self._plan(send) if send is not None else None
        if send is None or plan is None:
            log.warning("drop_without_a_plan", slice=due.id)
            return None
        open_ = await self._open(due, plan)
        return await self.calling_off.close(send, plan, open_, DROPPED) if open_ else None

    async def _plan(self, send: Send) -> Plan | None:
        return own_plan(send) if send.small else await self.store.plans.get(send.key)

    async def _open(self, due: SliceDue, plan: Plan) -> Open:
        members = members_of(due, plan)
        closed = await self.store.records.closed(members)
        left = [one for one in members if one not in closed]
        if left and "~" in due.id:
            member, step = parent_of(due.id)
            parent = await self.store.records.part(member)
            owed = parent is not None and any(one.step == step for one in parent.owed)
            return Open((), (Debt(member, step, self.clock.now()),) if owed else ())
        return Open(tuple((one, platform_of(plan, one)) for one in left), ())


def members_of(due: SliceDue, plan: Plan) -> list[str]:
    """The chunks that a slice's message stands for; none if the plan has no such slice."""
    if "~" in due.id:
        return [member_id(due.id, 0)]
    try:
        route, number = root_of(due.id)
        chunks = plan.routes[route].chunks[number]
    except (LookupError, ValueError):
        return []
    return [member_id(due.id, chunk) for chunk in due.chunks or range(chunks) if chunk < chunks]
