"""Puts slices, wake-ups and results on the bus, bundled."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.bus.bundle import MOST
from shared.bus.connection import Bus
from shared.bus.delay import ladder, step_for, wait_queue
from shared.bus.topology import DEFAULT, RESULTS, results_key, sends_queue, slices_queue
from shared.flow.envelope import ChunksDone, Refused, SendsDue, SliceDue, SlicesDue
from shared.flow.identity import split_send_key
from shared.flow.lane import Lane
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import header

BUNDLE: Final = MOST
AT_ONCE: Final = 20
"""Messages that wait for their confirm together."""
LATER: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Publishing:
    """Lives as long as the process. Every call returns when the broker has confirmed, or raises what the bus raises."""

    bus: Bus
    metrics: Metrics
    scale: float

    async def slices(self, due: Iterable[tuple[str, Lane, SliceDue]], *, bundled: bool) -> None:
        """Slices by platform and lane; bundled, up to 100 travel in one message."""
        queues: dict[tuple[str, Lane], list[SliceDue]] = defaultdict(list)
        for platform, lane, one in due:
            queues[platform, lane].append(one)
        for (platform, lane), slices in queues.items():
            size = BUNDLE if bundled else 1
            bundles = [slices[start : start + size] for start in range(0, len(slices), size)]
            for start in range(0, len(bundles), AT_ONCE):
                some = bundles[start : start + AT_ONCE]
                await asyncio.gather(*(self._bundle(platform, lane, one) for one in some))

    async def _bundle(self, platform: str, lane: Lane, slices: Sequence[SliceDue]) -> None:
        body = SlicesDue(slices=tuple(slices)).model_dump_json(exclude_defaults=True)
        await self.bus.publish(DEFAULT, slices_queue(platform, lane), body.encode(), headers=header())
        self.metrics.slices_published.labels(platform, lane).inc(len(slices))

    async def sends(self, lane: Lane, keys: Sequence[str]) -> None:
        """Wakes a planner for these sends."""
        body = SendsDue(sends=tuple(keys)).model_dump_json()
        await self.bus.publish(DEFAULT, sends_queue(lane), body.encode(), headers=header())

    async def sends_later(self, lane: Lane, key: str) -> None:
        """Wakes a planner for this send after a while."""
        step = step_for(LATER, self.scale) or ladder(self.scale)[-1]
        body = SendsDue(sends=(key,)).model_dump_json()
        await self.bus.publish(DEFAULT, wait_queue(sends_queue(lane), step), body.encode())

    async def again(self, lane: Lane, key: str) -> None:
        """Wakes a reporter: everything about this send is to be derived from the store afresh."""
        body = ChunksDone(lane=lane, again=(key,)).model_dump_json()
        await self.bus.publish(RESULTS, results_key(lane, split_send_key(key)[0]), body.encode())

    async def refused(self, lane: Lane, refused: Refused) -> None:
        """Has a reporter tell of a command that nothing is stored of."""
        body = ChunksDone(lane=lane, refused=(refused,)).model_dump_json()
        await self.bus.publish(RESULTS, results_key(lane, split_send_key(refused.key)[0]), body.encode())
