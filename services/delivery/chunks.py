"""Works chunks: look up, attempt, close. A few at once; what fails three times by our fault is closed as poison.

Long, because when a chunk may begin, how it may fail and what is recorded then are one course.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_hex
from time import perf_counter
from typing import Final

import structlog

from services.delivery import traced
from services.delivery.ahead import Ahead, look_ahead
from services.delivery.attempt import Attempts
from services.delivery.catalog import Catalog
from services.delivery.closing import Closed, Closer, patiently
from services.delivery.flight import Postponed
from services.delivery.held import Held
from services.delivery.job import Found, Job, in_doubt
from services.delivery.leases import Leases
from services.delivery.lookup import Lookup
from services.delivery.passing import Passing
from services.delivery.places import Places
from services.delivery.retry import UNKNOWN_OUTCOME, Ended
from services.delivery.solitude import Solitude
from services.delivery.stragglers import Stragglers
from services.delivery.tally import same_for_all
from shared.flow.lane import Lane
from shared.flow.record import Part
from shared.flow.send import Duplicates
from shared.flow.verdict import Fate
from shared.in_force import InForce
from shared.runtime.clock import Clock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import Tracing
from shared.store.connection import Store

TRIES: Final = 3
BETWEEN_TRIES: Final = timedelta(milliseconds=500)
POISON: Final = "poison"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What chunks stand on. `places` bound how many are worked at once, by lane."""

    store: Store
    clock: Clock
    metrics: Metrics
    life: Life
    catalog: Catalog
    lookup: Lookup
    attempts: Attempts
    closer: Closer
    passing: Passing
    places: Places
    solitude: Solitude
    scale: float
    stragglers: Stragglers
    orders: InForce
    leases: Leases
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of chunks: the members that somebody else had closed first, and those that are to come again then."""

    lost: set[str] = field(default_factory=set)
    later: dict[str, datetime] = field(default_factory=dict)


class Chunks:
    """Lives as long as the process; shared by all its slices."""

    def __init__(self, wiring: Wiring) -> None:
        self._on = wiring

    async def look_ahead(self, jobs: Sequence[Job]) -> Ahead | None:
        """As `look_ahead`: for who is about to claim these chunks."""
        return await look_ahead(self._on.lookup, jobs)

    async def work(self, jobs: Sequence[Job], lane: Lane, held: Held, ahead: Ahead | None = None) -> Worked | None:
        """Works these chunks together and closes them with one record.

        None if they were not started: the claim no longer holds, the process is stopping, or a send was stopped.
        """
        if self._on.tracing is not None:
            headers, again = [one.headers for one in held.messages], any(one.redelivered for one in held.messages)
            if steps := traced.chunks(jobs, headers, again=again):
                with self._on.tracing.steps("deliver", "consumer", steps):
                    return await self._work(jobs, lane, held, ahead)
        return await self._work(jobs, lane, held, ahead)

    async def _work(self, jobs: Sequence[Job], lane: Lane, held: Held, ahead: Ahead | None) -> Worked | None:
        worked = Worked()
        async with self._turn(jobs[0].route.variant, lane, held) as until:
            if until is not None:
                return Worked(later={one.member: min(until, one.send.deadline) for one in jobs})
            if not self._may_begin(jobs, held) or not await self._begun(jobs, held):
                return None
            with self._on.metrics.in_flight_chunks.labels(jobs[0].route.platform).track_inprogress():
                began = perf_counter()
                closed = await self._surely(jobs, lane, worked.later, held.claim.doubtful, ahead)
            self._on.metrics.chunk_seconds.labels(jobs[0].route.platform).observe(perf_counter() - began)
        for one in closed:  # recorded: what follows holds up no other chunk
            self._on.stragglers.forget(one.lost)
            for parts in one.records:
                self._on.stragglers.follow(parts)
            await self._on.closer.derive(one, {job.send.key: job.send for job in jobs}, lane)
            worked.lost.update(one.lost)
        return worked

    @asynccontextmanager
    async def _turn(self, variant: str, lane: Lane, held: Held) -> AsyncIterator[datetime | None]:
        """A place, and nobody who is to be alone; who waits for that keeps no place. A moment: not before that."""
        while True:
            async with self._on.places.place(variant, lane) as until:
                if until is not None:
                    yield until
                    return
                if held.alone or not self._on.solitude.wanted:
                    with self._on.solitude.running():
                        yield None
                    return
            await self._on.solitude.over()

    async def settled(self) -> None:
        """At the end of the process: what was closed without its last answers may still get them."""
        await self._on.stragglers.settled()

    def _may_begin(self, jobs: Sequence[Job], held: Held) -> bool:
        now = self._on.clock.now()
        stopped = self._on.orders.stop_any((one.send for one in jobs), now)
        return not (self._on.life.draining or stopped) and held.good(now)

    async def _begun(self, jobs: Sequence[Job], held: Held) -> bool:
        return await patiently(lambda: self._on.leases.begin(held, jobs[0].member))

    async def _surely(  # what is to be done, and what is known of it
        self, jobs: Sequence[Job], lane: Lane, later: dict[str, datetime], doubtful: Collection[str],
        ahead: Ahead | None = None,
    ) -> list[Closed]:  # fmt: skip
        """A bundle that fails is worked one by one; a chunk that fails three times is poison."""
        for left in reversed(range(1 if len(jobs) > 1 else TRIES)):
            try:
                parts = await self._once(jobs, later, doubtful, ahead)
            except Exception:
                log.exception("chunk_failed", members=len(jobs), tries_left=left)
                ahead = None
                await self._on.life.pause(BETWEEN_TRIES)
                doubtful = {one.member for one in jobs}
            else:  # what was sent is not sent again because it cannot be recorded
                return [await self._on.closer.close(parts)] if parts else []
        if len(jobs) == 1:
            return [await self._poison(jobs[0], lane)]
        return [closed for one in jobs for closed in await self._surely([one], lane, later, doubtful)]

    async def _once(
        self, jobs: Sequence[Job], later: dict[str, datetime], doubtful: Collection[str], ahead: Ahead | None
    ) -> list[Part]:
        found = ahead.found if ahead and ahead.news else await patiently(lambda: self._on.lookup.find(jobs))
        found = in_doubt(found, doubtful) if doubtful else found
        work = [(one, found[one.member]) for one in jobs if one.member in found]
        run = token_hex(8)
        barred = await patiently(lambda: self._barred([one for one, _ in work], run))
        ended = await self._on.attempts.run([pair for pair in work if pair[0].member not in barred])
        parts = [one for one in ended if isinstance(one, Part)]
        if len(parts) < len(ended):
            postponed = {one.member: one.until for one in ended if isinstance(one, Postponed)}
            await patiently(lambda: self._on.store.started.unmark(list(postponed), run))
            later.update(postponed)
        return parts + [self._ended(one, there, UNKNOWN_OUTCOME) for one, there in work if one.member in barred]

    async def _barred(self, jobs: Sequence[Job], run: str) -> set[str]:
        """Of the sends that must never repeat: the chunks that were started before, by whomever."""
        never = [one.member for one in jobs if one.send.request.duplicates is Duplicates.NEVER]
        if not never:
            return set()
        fresh = await self._on.store.started.mark(never, run, self._on.clock.now())
        return set(never) - fresh

    async def close_as_poison(self, job: Job, lane: Lane) -> None:
        """Closes a chunk as failed, with a copy to the dead letters for whoever mends it."""
        await self._on.closer.derive(await self._poison(job, lane), {job.send.key: job.send}, lane)

    async def _poison(self, job: Job, lane: Lane) -> Closed:
        found = await patiently(lambda: self._on.lookup.find([job]))
        closed = await self._on.closer.close([self._ended(job, found.get(job.member, Found([])), POISON)])
        await self._on.passing.dead_letter(job.member, lane, POISON)
        return closed

    def _ended(self, job: Job, found: Found, reason: str) -> Part:
        return same_for_all(job, found, self._on.clock.now(), self._on.scale, Ended(Fate.FAILED, reason))
