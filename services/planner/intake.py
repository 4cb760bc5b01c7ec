"""Takes wake-ups for stored sends: a small one's slices go out at once, a large one is planned and then fed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from services.planner.feeder import Feeder
from services.planner.planning import Planning
from services.planner.publishing import Publishing
from shared.bus.incoming import Incoming
from shared.bus.topology import sends_queue
from shared.flow.envelope import SendsDue, SliceDue
from shared.flow.lane import Lane
from shared.flow.plan import own_plan
from shared.flow.send import Send
from shared.store.connection import Store
from shared.taking import Source, Taking, read

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

    async def run(self) -> None:
        """Works until asked to stop, then finishes what is in hand."""
        await self.taking.run([Source(sends_queue(lane), PREFETCH, self._message) for lane in Lane])

    async def _message(self, incoming: Incoming) -> None:
        await self.take(read(SendsDue, incoming).sends)
        await incoming.ack()

    async def take(self, keys: Sequence[str]) -> None:
        """Plans these sends and releases what may go. Safe to repeat."""
        found = await self.store.sends.many(keys) if keys else {}
        sends = [send for send in found.values() if not send.problems]
        await self.publishing.slices(
            [piece for send in sends if send.small for piece in small_slices(send)], bundled=True
        )
        for send in sends:
            if not send.small and not await self._planned(send):
                await self.publishing.sends_later(send.lane, send.key)

    async def _planned(self, send: Send) -> bool:
        """A send that cannot be planned now holds up no other: it comes again alone."""
        try:
            await self.planning.plan(send)
        except Exception:
            log.exception("not_planned", send=send.key)
            return False
        self.feeder.wake()
        return True


def small_slices(send: Send) -> list[tuple[str, Lane, SliceDue]]:
    """The slices of a send that is its own plan, with platform and lane."""
    return [(one.platform, send.lane, SliceDue(id=one.id)) for one in own_plan(send).slices()]
