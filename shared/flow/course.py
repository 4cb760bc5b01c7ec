"""How a send went over time: what ended when, and how long after it began; the sum of its records. Pure.

A chunk's notifications count at the time of its last answer, for its record knows no more than when its answers came.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import floor, log10
from typing import Final

from shared.flow.record import LATENCY_BOUNDS, Part
from shared.flow.verdict import Fate

MOST_POINTS: Final = 240
STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
"""Seconds of a point in the timeline; the shortest that makes no more than so many points is taken."""
A_DECADE: Final = 20
"""Delays are kept in so many buckets for each power of ten, 12 % wide each, from one millisecond on."""


@dataclass(frozen=True, slots=True)
class Course:
    """A sum: associative and commutative. `slots` by number of step and fate; `delays` by `delay_bucket`."""

    slots: Counter[tuple[int, Fate]] = field(default_factory=Counter)
    delays: Counter[int] = field(default_factory=Counter)
    first_delivery_at: datetime | None = None
    last_delivery_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many of something between two numbers of seconds."""

    low: float
    high: float
    n: int


def step_of(span: timedelta) -> timedelta:
    """How long a point of a timeline over this span is."""
    fits = (step for step in STEPS if span.total_seconds() <= step * MOST_POINTS)
    return timedelta(seconds=next(fits, STEPS[-1]))


def course(parts: Iterable[Part], since: datetime, step: timedelta) -> Course:
    """The course of a send from its records; a member that comes twice counts once."""
    slots: Counter[tuple[int, Fate]] = Counter()
    delays: Counter[int] = Counter()
    firsts, lasts = [], []
    for part in {part.member: part for part in parts}.values():
        at = part.last_answer_at or part.looked_up_at
        for count in part.counts:
            slots[max(0, (at - since) // step), count.fate] += count.n
        delivered = sum(count.n for count in part.counts if count.fate is Fate.DELIVERED)
        if delivered:
            delays[delay_bucket(at - since)] += delivered
            firsts.append(part.first_answer_at or at)
            lasts.append(at)
    return Course(slots, delays, min(firsts, default=None), max(lasts, default=None))


def delay_bucket(delay: timedelta) -> int:
    """The number of the bucket that a delay falls into."""
    return floor(A_DECADE * log10(max(1, delay // timedelta(milliseconds=1))))


def delay_buckets(delays: Mapping[int, int]) -> list[Bucket]:
    """The same with its bounds in seconds, in order."""
    return [
        Bucket(10 ** (number / A_DECADE) / 1000, 10 ** ((number + 1) / A_DECADE) / 1000, n)
        for number, n in sorted(delays.items())
    ]


def latency_buckets(latency: Sequence[int]) -> list[Bucket]:
    """A record's histogram of answers with its bounds; the last has no end, so it is given as a point."""
    bounds = (0.0, *LATENCY_BOUNDS, LATENCY_BOUNDS[-1])
    return [Bucket(bounds[n], bounds[n + 1], count) for n, count in enumerate(latency) if count]


def quantile(buckets: Sequence[Bucket], share: float) -> float | None:
    """The number of seconds that this share does not exceed, interpolated inside its bucket; None of nothing."""
    whole = sum(one.n for one in buckets)
    wanted, before = share * whole, 0
    for one in buckets:
        if one.n and before + one.n >= wanted:
            return round(one.low + (one.high - one.low) * (wanted - before) / one.n, 6)
        before += one.n
    return None
