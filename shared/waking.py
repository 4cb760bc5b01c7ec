"""Wakes who works what is stored: delivery for the slices of a small send, which is its own plan, a planner for others.

Nothing here is needed for a send to go out: what is lost on the way the sweep finds in the store.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from shared.bus.bundle import MOST
from shared.bus.connection import Bus
from shared.bus.errors import BusError
from shared.bus.topology import DEFAULT, sends_queue, slices_queue
from shared.flow.envelope import SendsDue, SliceDue, SlicesDue
from shared.flow.identity import slice_id
from shared.flow.lane import Lane
from shared.flow.send import Send
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import header

AT_ONCE: Final = 20
"""Messages that wait for their confirm together."""
Due = tuple[str, Lane, SliceDue]
"""The platform and the lane whose workers work it."""

log = structlog.get_logger()


def own_slices(lane: Lane, small: Mapping[str, Sequence[str]]) -> list[Due]:
    """The slices of small sends, by key with their routes' platforms: one for each route, whatever the send says."""
    return [
        (platform, lane, SliceDue(id=slice_id(key, route, 0)))
        for key, platforms in small.items()
        for route, platform in enumerate(platforms)
    ]


def own_platforms(sends: Iterable[Send]) -> dict[str, tuple[str, ...]]:
    """Of the sends that go at once: what their slices follow from. A send that was refused has no routes."""
    return {one.key: tuple([route.platform for route in one.routes]) for one in sends if one.goes_at_once}


@dataclass(frozen=True, slots=True)
class Waking:
    """Lives as long as the process. Calls return when the broker has confirmed, or raise what the bus raises."""

    bus: Bus
    metrics: Metrics

    async def slices(self, due: Iterable[Due], *, bundled: bool) -> None:
        """Slices by platform and lane; bundled, up to 100 travel in one message."""
        queues: dict[tuple[str, Lane], list[SliceDue]] = defaultdict(list)
        for platform, lane, one in due:
            queues[platform, lane].append(one)
        for (platform, lane), slices in queues.items():
            size = MOST if bundled else 1
            bundles = [slices[start : start + size] for start in range(0, len(slices), size)]
            for start in range(0, len(bundles), AT_ONCE):
                some = bundles[start : start + AT_ONCE]
                await asyncio.gather(*(self._bundle(platform, lane, one) for one in some))

    async def small(self, lane: Lane, small: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """The slices of small sends; returns, and does not raise, those of which some slice was not confirmed.

        The queue of one platform may be full: the sends of others are none the worse.
        """
        queues: dict[str, list[Due]] = defaultdict(list)
        for one in own_slices(lane, small):
            queues[one[0]].append(one)
        done = await asyncio.gather(
            *(self.slices(due, bundled=True) for due in queues.values()), return_exceptions=True
        )
        failed = set()
        for platform, result in zip(queues, done, strict=True):
            if isinstance(result, BusError):
                log.warning("slices_not_published", platform=platform, lane=lane, error=str(result))
                failed.add(platform)
            elif isinstance(result, BaseException):
                raise result
        return {key: platforms for key, platforms in small.items() if failed.intersection(platforms)} if failed else {}

    async def stored(self, lane: Lane, sends: Sequence[Send], known: Sequence[str] = ()) -> None:
        """Everybody who has to do with these sends of one lane; of those that were `known` before, a planner.

        A command says nothing of a known send: it may be another one that only has its id, and what is stored may wait.
        """
        small = own_platforms(sends)
        left = await self.small(lane, small) if small else small
        rest = [one.key for one in sends if one.key not in small]
        if rest or left or known:
            await self.planner(lane, [*rest, *known], left)

    async def planner(self, lane: Lane, keys: Sequence[str], small: Mapping[str, Sequence[str]] | None = None) -> None:
        """A planner for these sends, and for small ones whose slices were not confirmed; for none, as a question."""
        due = SendsDue(sends=tuple(keys), small={key: tuple(platforms) for key, platforms in (small or {}).items()})
        body = due.model_dump_json(exclude_defaults=True).encode()
        await self.bus.publish(DEFAULT, sends_queue(lane), body, headers=header())

    async def _bundle(self, platform: str, lane: Lane, slices: Sequence[SliceDue]) -> None:
        body = SlicesDue(slices=tuple(slices)).model_dump_json(exclude_defaults=True)
        await self.bus.publish(DEFAULT, slices_queue(platform, lane), body.encode(), headers=header())
        self.metrics.slices_published.labels(platform, lane).inc(len(slices))
