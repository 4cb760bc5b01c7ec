"""Feeds planned sends: a window of slices on the bus for each live worker, more as results come back as credit."""

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

import structlog
from pydantic import ValidationError

from services.planner.feeding import Candidate, choose
from services.planner.publishing import Publishing
from shared.bus.connection import Bus
from shared.bus.errors import BusError, QueueMissing
from shared.bus.topology import RESULTS, slices_queue
from shared.flow.envelope import ChunksDone, SliceDue
from shared.flow.identity import attempt_of, root_of, send_of
from shared.flow.lane import Lane
from shared.flow.plan import CHUNKS_IN_A_SLICE, Plan, Slice
from shared.store.connection import Store
from shared.store.errors import StoreAway
from shared.store.schedule import Scheduled

EVERY: Final = 1.0
"""Seconds after which the feeder looks at the schedule even if nothing woke it."""
CROWD: Final = 0.02
"""Seconds that a wake-up waits for others, so that a storm of results is one look."""
COUNTED_ANEW: Final = 5.0
"""Seconds without room after which credit is counted in the store: a result may have been lost on the way."""
WORKERS_KNOWN: Final = 2.0
ACTIVE: Final = 1000

log = structlog.get_logger()


@dataclass(slots=True)
class _Active:
    """A send being fed: its slices by platform, and how many of its chunks are known to have a record."""

    plan: Plan
    slices: dict[str, list[Slice]]
    recorded: Counter[str] = field(default_factory=Counter)
    counted_at: float = 0.0

    def outstanding(self, platform: str, released: int) -> int:
        """Chunks on the bus or being worked."""
        on_bus = sum(one.chunks for one in self.slices[platform][:released])
        return max(0, on_bus - self.recorded[platform])


class Feeder:
    """Lives as long as the process. Two of them never release the same slice: the store decides who moves on."""

    def __init__(self, store: Store, bus: Bus, publishing: Publishing, slices_per_worker: int) -> None:
        self._store = store
        self._bus = bus
        self._publishing = publishing
        self._window = slices_per_worker * CHUNKS_IN_A_SLICE
        self._woken = asyncio.Event()
        self._active: dict[str, _Active] = {}
        self._served: dict[tuple[str, Lane], str] = {}
        self._workers: dict[str, tuple[float, int]] = {}

    def wake(self) -> None:
        """There is something new to feed."""
        self._woken.set()

    async def run(self) -> None:
        """Feeds until cancelled."""
        while True:
            try:
                async with asyncio.timeout(EVERY):
                    await self._woken.wait()
                await asyncio.sleep(CROWD)
            except TimeoutError:
                pass
            self._woken.clear()
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
                    self.heard(ChunksDone.model_validate_json(incoming.body))
                except ValidationError:
                    continue

    def heard(self, done: ChunksDone) -> None:
        """Chunks have a record: their places in the window are free."""
        for member in done.members:
            active = self._active.get(send_of(member))
            if active is not None and attempt_of(member) == 1:
                active.recorded[active.plan.routes[root_of(member)[0]].platform] += 1
                self._woken.set()

    async def feed(self) -> None:
        """One look: releases what the windows have room for."""
        entries = {one.key: one for lane in Lane for one in await self._store.schedule.unreleased(lane, ACTIVE)}
        for key in [key for key in self._active if key not in entries]:
            del self._active[key]
        queues: dict[tuple[str, Lane], list[Scheduled]] = defaultdict(list)
        for entry in entries.values():
            active = await self._activate(entry)
            if active is None:
                continue
            released = {platform: entry.released.get(platform, 0) for platform in active.slices}
            if all(released[p] >= len(s) and not active.outstanding(p, released[p]) for p, s in active.slices.items()):
                await self._store.schedule.released_all(entry.key)
            for platform in active.slices:
                queues[platform, entry.lane].append(entry)
        for (platform, lane), waiting in queues.items():
            await self._fill(platform, lane, waiting)

    async def _activate(self, entry: Scheduled) -> _Active | None:
        active = self._active.get(entry.key)
        if active is None:
            plan = await self._store.plans.get(entry.key)
            if plan is None:
                return None
            platforms = {route.platform for route in plan.routes}
            active = self._active[entry.key] = _Active(plan, {p: plan.slices_for(p) for p in sorted(platforms)})
            if entry.released:
                await self._count(entry.key, active)
        return active

    async def _count(self, key: str, active: _Active) -> None:
        """Credit as the store knows it."""
        members = await self._store.records.recorded_members(key)
        firsts = [member for member in members if attempt_of(member) == 1]
        active.recorded = Counter(active.plan.routes[root_of(member)[0]].platform for member in firsts)
        active.counted_at = time.monotonic()

    async def _fill(self, platform: str, lane: Lane, entries: list[Scheduled]) -> None:
        window = self._window * await self._live_workers(platform, lane)
        room = window - sum(self._active[e.key].outstanding(platform, e.released.get(platform, 0)) for e in entries)
        waiting = {e.key: self._active[e.key].slices[platform][e.released.get(platform, 0) :] for e in entries}
        candidates = [Candidate(e.app, e.key, tuple(one.chunks for one in waiting[e.key])) for e in entries]
        if not any(waiting.values()):
            return
        if room <= 0:
            await self._count_stuck(entries)
            return
        chosen = choose(candidates, room, self._served.get((platform, lane)))
        for entry in entries:
            if chosen.get(entry.key):
                await self._release(entry, platform, lane, chosen[entry.key])
                self._served[platform, lane] = entry.app

    async def _count_stuck(self, entries: list[Scheduled]) -> None:
        for entry in entries:
            active = self._active[entry.key]
            if time.monotonic() - active.counted_at > COUNTED_ANEW:
                await self._count(entry.key, active)
                self._woken.set()

    async def _release(self, entry: Scheduled, platform: str, lane: Lane, count: int) -> None:
        """Moves the release on in the store first; a crash before the publish leaves it to the sweep."""
        before = entry.released.get(platform, 0)
        if not await self._store.schedule.release(entry.key, platform, before, before + count):
            self._woken.set()
            return
        slices = self._active[entry.key].slices[platform][before : before + count]
        await self._publishing.slices([(platform, lane, SliceDue(id=one.id)) for one in slices], bundled=False)
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
