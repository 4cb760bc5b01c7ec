"""Feeds planned sends: a window of slices on the bus for each live worker, more as results come back as credit."""

import asyncio
import contextlib
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pydantic import ValidationError

from services.planner.bulkheads import Bulkheads
from services.planner.credit import Credit, Fed
from services.planner.feeding import Candidate, choose
from services.planner.judging import Judging
from services.planner.lookout import MOST, Lookout
from services.planner.publishing import Publishing
from services.planner.spreading import next_step
from shared.bus.connection import Bus
from shared.bus.errors import BusError, QueueMissing
from shared.bus.topology import RESULTS, slices_queue
from shared.flow.envelope import ChunksDone, SliceDue
from shared.flow.identity import split_send_key
from shared.flow.lane import Lane
from shared.flow.plan import CHUNKS_IN_A_SLICE
from shared.in_force import InForce
from shared.runtime.clock import Time
from shared.runtime.tracing import NONE, carrying
from shared.store.connection import Store
from shared.store.errors import StoreAway
from shared.store.schedule import Scheduled

EVERY: Final = 1.0
"""Seconds after which the feeder looks at the schedule even if nothing woke it."""
CROWD: Final = 0.1
"""Seconds that a look waits once results have come, for more of them. A window holds several times as much work."""
WORKERS_KNOWN: Final = 2.0
"""Seconds for which the number of live workers is believed."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Queue:
    """The slices of one variant of one send."""

    entry: Scheduled
    variant: str
    fed: Fed
    released: int

    @property
    def name(self) -> str:
        """Starts with the app, and is like no other."""
        return f"{self.entry.key}.{self.variant}"

    @property
    def outstanding(self) -> int:
        """Its chunks that are on the bus or being worked."""
        return self.fed.outstanding(self.variant, self.released)


class Feeder:
    """Lives as long as the process. Two of them never release the same slice: the store decides who moves on."""

    def __init__(  # noqa: PLR0913, PLR0917  # what feeding stands on
        self,
        store: Store,
        bus: Bus,
        publishing: Publishing,
        slices_per_worker: int,
        orders: InForce,
        clock: Time,
        most: int = MOST,
    ) -> None:
        self._store = store
        self._clock = clock
        self._judging = Judging(store, clock, publishing)
        self._orders = orders
        self._bus = bus
        self._publishing = publishing
        self._window = slices_per_worker * CHUNKS_IN_A_SLICE
        self._woken = asyncio.Event()
        self._planned = asyncio.Event()
        self._credit = Credit(store)
        self._lookout = Lookout(store, most)
        self._bulkheads = Bulkheads(store)
        self._served: dict[tuple[str, Lane, str], str] = {}
        self._workers: dict[str, tuple[float, int]] = {}

    def wake(self) -> None:
        """There is something new to feed: now."""
        self._planned.set()
        self._woken.set()

    async def run(self) -> None:
        """Feeds until cancelled."""
        while True:
            if await _within(EVERY, self._woken):
                await _within(CROWD, self._planned)
            self._woken.clear()
            self._planned.clear()
            try:
                await self.feed()
            except (BusError, StoreAway) as error:
                log.warning("not_fed", error=type(error).__name__)
                await asyncio.sleep(EVERY)

    async def listen(self) -> None:
        """Hears results as credit, until cancelled."""
        async with self._bus.listen(RESULTS, ["#"]) as results:
            async for incoming in results:
                try:
                    if self._credit.heard(ChunksDone.model_validate_json(incoming.body)):
                        self._woken.set()
                except ValidationError:
                    continue

    async def feed(self) -> None:
        """One look: releases what the windows have room for."""
        entries = await self._lookout.entries(self._orders.keys())
        self._credit.keep(entries)
        found: list[_Queue] = []
        for entry in entries.values():
            fed = await self._credit.activate(entry)
            if fed is None:
                continue
            if fed.done(entry.released):
                await self._store.schedule.released_all(entry.key)
            elif self._lookout.crowded and entry.begun and fed.rests(entry.released):
                await self._store.schedule.rests(entry)
            if fed.most and fed.sampled(entry.released):
                await self._judging.look(entry, fed.plan)
                continue
            if fed.plan.pace is not None:
                await self._spread(entry, fed, self._clock.scaled(timedelta(seconds=fed.plan.pace)))
                continue
            found += [_Queue(entry, variant, fed, entry.released.get(variant, 0)) for variant in fed.slices]
        if found:
            await self._feed(found)

    async def _spread(self, entry: Scheduled, fed: Fed, each: timedelta) -> None:
        """As many slices as their time has come for."""
        step = next_step(entry, fed, self._clock.now(), each, self._window)
        if step is not None:
            one = _Queue(entry, step.variant, fed, entry.released.get(step.variant, 0))
            await self._release(one, fed.platform(step.variant), [found.id for found in step.slices], step.paced)

    async def _feed(self, queues: list["_Queue"]) -> None:
        """By platform and lane; a variant that is fed apart has a window of its own, and takes no room from others."""
        apart = await self._bulkheads.of({one.variant for one in queues})
        groups: dict[tuple[str, Lane, str], list[_Queue]] = defaultdict(list)
        for one in queues:
            own = one.variant if one.variant in apart else ""
            groups[one.fed.platform(one.variant), one.entry.lane, own].append(one)
        for (platform, lane, own), waiting in groups.items():
            workers = await self._live_workers(platform, lane)
            window = apart[own].window(workers) if own else self._window * workers
            await self._fill((platform, lane, own), waiting, window)

    async def _fill(self, group: tuple[str, Lane, str], queues: list["_Queue"], window: int) -> None:
        room = window - sum(one.outstanding for one in queues)
        if room <= 0:
            return
        waiting = {one.name: one.fed.waiting(one.variant, one.released, room) for one in queues}
        candidates = [
            Candidate(one.entry.app, one.name, tuple(slice_.chunks for slice_ in waiting[one.name])) for one in queues
        ]
        chosen = choose(candidates, room, self._served.get(group))
        for one in queues:
            if chosen.get(one.name):
                await self._release(one, group[0], [found.id for found in waiting[one.name][: chosen[one.name]]])
        if chosen:
            self._served[group] = split_send_key(next(reversed(chosen)))[0]

    async def _release(
        self, one: "_Queue", platform: str, slices: list[str], paced: tuple[float, float] | None = None
    ) -> None:
        """Moves the release on in the store first; a crash before the publish leaves it to the sweep."""
        after = one.released + len(slices)
        if await self._store.schedule.release(one.entry.key, one.variant, one.released, after, paced):
            lane, trace = one.entry.lane, one.fed.plan.trace
            with carrying({one.entry.key: trace} if trace else NONE):
                await self._publishing.slices([(platform, lane, SliceDue(id=id_)) for id_ in slices], bundled=False)
        if paced is None:
            self._woken.set()

    async def _live_workers(self, platform: str, lane: Lane) -> int:
        """Consumers of the platform's queue, at least one: what is fed before a worker is up waits for it."""
        asked_at, known = self._workers.get(platform, (0.0, 1))
        if time.monotonic() - asked_at > WORKERS_KNOWN:
            try:
                known = max(1, (await self._bus.depth(slices_queue(platform, lane))).consumers)
            except QueueMissing:
                known = 1
            self._workers[platform] = (time.monotonic(), known)
        return known


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Waits for the event, but not longer; whether it is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
