"""Takes wake-ups for stored sends: a large one is planned and then fed, a small one's slices go out at once.

Of small ones come here only those whose slices could not be published by who stored them.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from services.planner.feeder import Feeder
from services.planner.planning import Planning
from services.planner.publishing import Publishing
from shared.bus.incoming import Incoming
from shared.bus.topology import sends_queue
from shared.flow.envelope import SendsDue
from shared.flow.lane import Lane
from shared.flow.send import Send
from shared.runtime.tracing import NONE, Tracing, brought, carrying
from shared.store.connection import Store
from shared.taking import Source, Taking, read
from shared.waking import own_platforms, own_slices

PREFETCH: Final = 20

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Intake:
    """One process's hold on the queues of sends."""

    store: Store
    taking: Taking
    planning: Planning
    publishing: Publishing
    feeder: Feeder
    tracing: Tracing | None = None

    async def run(self) -> None:
        """Works until asked to stop, then finishes what is in hand."""
        await self.taking.run([Source(sends_queue(lane), PREFETCH, partial(self._message, lane=lane)) for lane in Lane])

    async def _message(self, incoming: Incoming, lane: Lane) -> None:
        due = read(SendsDue, incoming)
        sends = (await self.store.sends.many(due.sends)).values() if due.sends else ()
        small = own_slices(lane, due.small | own_platforms(sends))
        traces = brought([incoming.headers]) | {one.key: one.trace for one in sends if one.trace}
        with carrying(traces if self.tracing is not None else NONE):
            await self.publishing.slices(small, bundled=True)
        for send in sends:
            if send.begins_at is not None:
                await self.store.schedule.add(send, send.begins_at, self.planning.patience)
            elif not (send.small or send.problems or await self._planned(send)):
                await self.publishing.sends_later(send.lane, send.key)
        await incoming.ack()

    async def _planned(self, send: Send) -> bool:
        """A send that cannot be planned now holds up no other: it comes again alone."""
        try:
            await self.planning.plan(send)
        except Exception:
            log.exception("not_planned", send=send.key)
            return False
        self.feeder.wake()
        return True
