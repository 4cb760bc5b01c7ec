"""Says which slices may not be worked now and when they come again, before anything is claimed or looked up."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.delivery.catalog import Catalog, Credentialed
from services.delivery.job import Job
from services.delivery.parking import Parking
from services.delivery.routes import Routes
from shared.flow.lane import Lane
from shared.flow.limiting import CHUNK, bundle_size
from shared.flow.order import Order
from shared.flow.parking import next_look
from shared.in_force import InForce
from shared.runtime.clock import Time

MOST_LIMITED: Final = {Lane.NOW: 4, Lane.BULK: 2}
"""Variants with a rate limit that are worked at once: about half of what a process can, so that they stop nobody."""
AT_HAND: Final = 2
"""Slices of `bulk` that a process has of one limited variant: while the one is worked, the other is there. One that
finds no turn is away for a second or two, and for so long nothing would be sent where all slices end together."""
CONTENDED: Final = timedelta(seconds=3)
"""For so long after another variant found no turn, nobody has a second slice: it would keep the turn for ever."""
NEXT_TURN: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(seconds=60)
"""A slice that waits for its turn under a limit looks again within this, however long the line is."""


@dataclass(slots=True)
class Entry:
    """What may go and what waits. `limited`: of what may go, the slices of variants with a rate limit.

    `dropped` are slices of sends that were called off: the planner closes them, nobody works them again.
    """

    held: dict[str, datetime] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    limited: dict[str, str] = field(default_factory=dict)


class Gate:
    """Lives as long as the process; shared by all its slices."""

    def __init__(self, catalog: Catalog, parking: Parking, routes: Routes, clock: Time, orders: InForce) -> None:
        self._catalog = catalog
        self._parking = parking
        self._routes = routes
        self._clock = clock
        self._orders = orders
        self._turns: dict[Lane, Counter[str]] = {lane: Counter() for lane in Lane}
        self._wanted_at: datetime | None = None

    async def look(self, jobs: Iterable[Job], lane: Lane) -> Entry:
        """What of these chunks' slices may go.

        What is past its deadline goes on, to be recorded as such; what nears it waits no longer than that.
        """
        entry, now = Entry(), self._clock.now()
        variants: dict[str, datetime | float | None] = {}
        lines: dict[tuple[str, float], list[Job]] = defaultdict(list)
        for job in jobs:
            if self._ordered(entry, job, now):
                continue
            variant = job.route.variant
            if variant not in variants:
                variants[variant] = await self._rule(job)
            rule = variants[variant]
            if rule is None or now >= job.send.deadline:
                continue
            if isinstance(rule, datetime):
                entry.held[_slice(job)] = min(rule, job.send.deadline)
            else:
                lines[variant, rule].append(job)
        for (variant, rate), some in lines.items():
            self._line(entry, variant, some, rate, lane)
        await self._routes.tell()
        return entry

    @contextmanager
    def turn(self, entry: Entry, lane: Lane) -> Iterator[None]:
        """While inside, others of the same limited variants wait."""
        variants = set(entry.limited.values())
        self._turns[lane].update(variants)
        try:
            yield
        finally:
            self._turns[lane].subtract(variants)
            self._turns[lane] = +self._turns[lane]

    def _ordered(self, entry: Entry, job: Job, now: datetime) -> bool:
        """Whether the job's send was paused or called off."""
        standing = self._orders.of(job.send.key)
        if standing is None or not standing.stops(now, job.send.deadline):
            return False
        if standing.order is Order.CANCELLED:
            entry.dropped.add(_slice(job))
        else:
            look = next_look(now, standing.since, now, self._clock.scaled)
            entry.held[_slice(job)] = min(look, job.send.deadline)
        return True

    def _line(self, entry: Entry, variant: str, jobs: list[Job], rate: float, lane: Lane) -> None:
        """Of a variant with a limit only so much is begun as takes seconds; the rest stands in line on the bus."""
        now = self._clock.now()
        waits = self._no_turn(entry, variant, lane, now)
        slices = list(dict.fromkeys((_slice(job), job.send.deadline) for job in jobs))
        going = 0 if waits else bundle_size(rate) if lane is Lane.NOW else 1
        each = timedelta(seconds=1 / rate if lane is Lane.NOW else CHUNK)
        for slice_, _ in slices[:going]:
            entry.limited[slice_] = variant
        for place, (slice_, deadline) in enumerate(slices[going:]):
            entry.held[slice_] = min(now + max(NEXT_TURN, min(each * place, LONGEST)), deadline)

    def _no_turn(self, entry: Entry, variant: str, lane: Lane, now: datetime) -> bool:
        turns = self._turns[lane]
        if variant in turns:
            contended = self._wanted_at is not None and now - self._wanted_at < CONTENDED
            return lane is Lane.NOW or turns[variant] >= AT_HAND or contended
        none = len(turns.keys() | set(entry.limited.values())) >= MOST_LIMITED[lane]
        if none and lane is Lane.BULK:
            self._wanted_at = now
        return none

    async def _rule(self, job: Job) -> datetime | float | None:
        """Until when the job's variant waits, or its rate limit, or None: it may go."""
        away = self._routes.until(job.route.variant)
        if away is not None:
            return away
        known = await self._catalog.variant(job.send.app, job.route.variant)
        if known is None:
            return None
        if known.parked is not None and not self._parking.due(known.parked):
            return self._parking.look(known.parked)
        return known.variant.rate_limit if isinstance(known, Credentialed) else None


def _slice(job: Job) -> str:
    return job.member.rsplit("/", 1)[0]
