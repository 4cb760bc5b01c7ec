"""Passes slices on: taken apart, past a claim, chunk by chunk, or to the dead letters; no ack without a copy."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from shared.bus.bundle import MOST
from shared.bus.connection import Bus
from shared.bus.delay import ladder, step_past, step_towards, wait_queue
from shared.bus.errors import BusError
from shared.bus.topology import DEAD, DEFAULT, slices_queue
from shared.flow.envelope import SliceDue, SlicesDue
from shared.flow.identity import send_of
from shared.flow.lane import Lane
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics

REMEMBERED: Final = 10_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Passing:
    """Publishes slices of one platform. Shared by all slices of the process."""

    platform: str
    bus: Bus
    clock: Clock
    metrics: Metrics
    scale: float
    waiting: dict[SliceDue, datetime] = field(default_factory=dict)
    """The slices that were made to wait by `hold`, and when they come again."""

    async def hold(self, slices: Sequence[SliceDue], lane: Lane, until: Mapping[str, datetime]) -> None:
        """The same slices again, each when it is to come; small ones together. No copy for one of which one waits."""
        now, queues = self.clock.now(), defaultdict[str, list[SliceDue]](list)
        for due in slices:
            if self.waiting.get(due, now) <= now:
                queues[self._wait_past(slices_queue(self.platform, lane), until[due.id])].append(due)
        size = MOST if lane is Lane.NOW else 1
        for queue, some in queues.items():
            for start in range(0, len(some), size):
                await self._publish(queue, *some[start : start + size], alone=size == 1)
            self.waiting.update((due, until[due.id]) for due in some)
        self.metrics.slices_held.labels(self.platform, lane).inc(len(slices))
        if len(self.waiting) > REMEMBERED:
            for due in [one for one, moment in self.waiting.items() if moment <= now]:
                del self.waiting[due]

    async def together(self, slices: Sequence[SliceDue], lane: Lane) -> None:
        """The same slices again in a message of their own, at once."""
        await self._publish(slices_queue(self.platform, lane), *slices, alone=False)

    async def alone(self, slices: Sequence[SliceDue], lane: Lane, until: datetime | None = None) -> None:
        """The members of a bundle, each by itself: at once, or past a claim that lasts until then."""
        queue = slices_queue(self.platform, lane)
        for one in slices:
            await self._publish(queue if until is None else self._wait_towards(queue, until), one)

    async def past(self, due: SliceDue, lane: Lane, until: datetime) -> None:
        """The same slice again when a claim runs out: in one wait, or in several that come nearer to it."""
        await self._publish(self._wait_towards(slices_queue(self.platform, lane), until), due)

    async def dead_letter(self, member: str, lane: Lane, reason: str) -> None:
        """A copy of one chunk's slice for whoever mends it; the chunk itself is closed."""
        queue = slices_queue(self.platform, lane)
        slice_, chunk = member.rsplit("/", 1)
        body = SlicesDue(slices=(SliceDue(id=slice_, chunks=(int(chunk),)),)).model_dump_json()
        self.metrics.dead_letters.labels(queue).inc()
        try:
            headers = {"reason": reason, "queue": queue, "send": send_of(member)}
            await self.bus.publish(DEAD, queue, body.encode(), headers=headers)
        except BusError as error:
            log.warning("dead_letter_not_published", member=member, error=str(error))

    def _wait_past(self, queue: str, until: datetime) -> str:
        step = step_past(self._until(until), self.scale)
        return wait_queue(queue, step or ladder(self.scale)[-1])

    def _wait_towards(self, queue: str, until: datetime) -> str:
        """For the end of a claim: who comes early meets it again, and who came late would leave the slice lying."""
        return wait_queue(queue, step_towards(self._until(until), self.scale))

    def _until(self, moment: datetime) -> timedelta:
        return max(moment - self.clock.now(), timedelta())

    async def _publish(self, queue: str, *due: SliceDue, alone: bool = True) -> None:
        body = SlicesDue(slices=due, alone=alone).model_dump_json(exclude_defaults=True)
        await self.bus.publish(DEFAULT, queue, body.encode())
