"""Passes slices on: taken apart, past a claim, chunk by chunk, or to the dead letters; no ack without a copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from shared.bus.connection import Bus
from shared.bus.delay import ladder, step_past, wait_queue
from shared.bus.errors import BusError
from shared.bus.topology import DEAD, DEFAULT, slices_queue
from shared.flow.envelope import SliceDue, SlicesDue
from shared.flow.identity import send_of
from shared.flow.lane import Lane
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Passing:
    """Publishes slices of one platform. Shared by all slices of the process."""

    platform: str
    bus: Bus
    clock: Clock
    metrics: Metrics
    scale: float

    async def alone(self, slices: Sequence[SliceDue], lane: Lane, until: datetime | None = None) -> None:
        """The members of a bundle, each by itself: at once, or past a claim that lasts until then."""
        queue = slices_queue(self.platform, lane)
        for one in slices:
            await self._publish(queue if until is None else self._wait_past(queue, until), one)

    async def past(self, due: SliceDue, lane: Lane, until: datetime) -> None:
        """The same slice again, by the first wait step past a claim."""
        await self._publish(self._wait_past(slices_queue(self.platform, lane), until), due)

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
        step = step_past(max(until - self.clock.now(), timedelta()), self.scale)
        return wait_queue(queue, step or ladder(self.scale)[-1])

    async def _publish(self, queue: str, due: SliceDue) -> None:
        body = SlicesDue(slices=(due,), alone=True).model_dump_json(exclude_defaults=True)
        await self.bus.publish(DEFAULT, queue, body.encode())
