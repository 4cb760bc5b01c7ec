"""Takes wake-ups for stored sends: a small one's slices go out at once, a large one is planned and then fed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from services.planner.feeder import Feeder
from services.planner.planning import Planning
from services.planner.publishing import Publishing
from shared.bus.incoming import Incoming
from shared.bus.topology import sends_queue
from shared.flow.envelope import SendsDue, SliceDue
from shared.flow.identity import slice_id
from shared.flow.lane import Lane
from shared.flow.send import Send
from shared.runtime.tracing import Step, Tracing, brought
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
    tracing: Tracing | None = None

    async def run(self) -> None:
        """Works until asked to stop, then finishes what is in hand."""
        await self.taking.run([Source(sends_queue(lane), PREFETCH, partial(self._message, lane=lane)) for lane in Lane])

    async def _message(self, incoming: Incoming, lane: Lane) -> None:
        due = read(SendsDue, incoming)
        known = [(lane, key, platforms) for key, platforms in due.small.items()]
        sends = (await self.store.sends.many(due.sends)).values() if due.sends else ()
        small = known + [(one.lane, one.key, _platforms(one)) for one in sends if one.goes_at_once]
        if self.tracing is None:
            await self._release(small)
        else:
            traces = brought([incoming.headers]) | {one.key: one.trace for one in sends if one.trace}
            steps = [Step(key, traces[key]) for _, key, _ in small if key in traces]
            with self.tracing.steps("plan", "consumer", steps):
                await self._release(small)
        for send in sends:
            if send.begins_at is not None:
                await self.store.schedule.add(send, send.begins_at, self.planning.patience)
            elif not (send.small or send.problems or await self._planned(send)):
                await self.publishing.sends_later(send.lane, send.key)
        await incoming.ack()

    async def _release(self, small: Sequence[tuple[Lane, str, Sequence[str]]]) -> None:
        """The slices of sends that are their own plans: one for each route, whatever the send says."""
        slices = [
            (platform, lane, SliceDue(id=slice_id(key, route, 0)))
            for lane, key, platforms in small
            for route, platform in enumerate(platforms)
        ]
        await self.publishing.slices(slices, bundled=True)

    async def _planned(self, send: Send) -> bool:
        """A send that cannot be planned now holds up no other: it comes again alone."""
        try:
            await self.planning.plan(send)
        except Exception:
            log.exception("not_planned", send=send.key)
            return False
        self.feeder.wake()
        return True


def _platforms(send: Send) -> list[str]:
    """None for a send that was refused: it has no routes."""
    return [route.platform for route in send.routes]
