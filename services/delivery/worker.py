"""Takes messages of slices off the bus, of both lanes, and keeps the claims on them alive, until asked to stop."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Final

from services.delivery.slices import Slices
from shared.bus.incoming import Incoming
from shared.bus.topology import slices_queue
from shared.flow.envelope import SlicesDue
from shared.flow.lane import Lane
from shared.runtime.metrics import Metrics
from shared.taking import Source, Taking, read

PREFETCH: Final = {Lane.NOW: 8, Lane.BULK: 4}
"""Messages in hand by lane. A slice is some seconds of work; more would only keep them from other workers."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One process's hold on its platform's queues."""

    platform: str
    metrics: Metrics
    taking: Taking
    slices: Slices

    async def run(self) -> None:
        """Works until asked to stop, then finishes the chunks in flight and gives back the rest."""
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self.slices.leases.renew())
            sources = [
                Source(slices_queue(self.platform, lane), PREFETCH[lane], partial(self._message, lane=lane))
                for lane in Lane
            ]
            await self.taking.run(sources)
            renewing.cancel()

    async def _message(self, incoming: Incoming, lane: Lane) -> None:
        due = read(SlicesDue, incoming)
        if len(due.slices) == 1:
            await self.slices.slice(due.slices[0], incoming, lane)
        else:
            await self.slices.bundle(due.slices, incoming, lane)
        self.metrics.slices_done.labels(self.platform, lane).inc(len(due.slices))
