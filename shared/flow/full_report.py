"""The full report of a send: outcomes by platform, variant and reason, the timeline, latencies. Pure.

What is counted is `Report`; this adds what follows from the same records about when and how fast.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import Field

from shared.flow.course import Bucket, Course, delay_buckets, latency_buckets, quantile, step_of
from shared.flow.lane import Lane
from shared.flow.model import Travelling
from shared.flow.report import Outcomes, Report, State, VariantOutcomes, together
from shared.flow.timing import measured_from
from shared.flow.verdict import Fate


class PlatformOutcomes(Outcomes):
    """The outcomes of all variants of one platform."""

    platform: str


class Quantiles(Travelling):
    """Seconds that half, 95 % and 99 % of `n` did not exceed; null of nothing."""

    n: int
    p50: float | None
    p95: float | None
    p99: float | None


class Latency(Travelling):
    """How long it took."""

    accept_to_provider: Quantiles = Field(
        description="of what was delivered: from the acceptance of the send, or its scheduled moment, to the "
        "answer of the provider; waits for retries are in it, and a chunk counts with its last answer"
    )
    provider: Quantiles = Field(description="of every answer: from a request to its answer; over 30 s counts as 30 s")


class Point(Travelling):
    """What ended in one step of the timeline."""

    at: datetime
    delivered_per_second: float
    outcomes: dict[str, int] = Field(description="notifications by outcome; what did not occur is left out")


class Timeline(Travelling):
    """What ended when; steps in which nothing did are left out."""

    step_seconds: float
    points: tuple[Point, ...]


class Interactions(Travelling):
    """What devices told about a send, each device once: the app's word, not the provider's."""

    received: int = 0
    opened: int = 0
    dismissed: int = 0
    actions: dict[str, int] = Field(default_factory=dict, description="by the action's name, the 100 most frequent")
    open_rate: float | None = Field(default=None, description="opened ÷ delivered")
    seconds_to_open: Quantiles | None = Field(
        default=None, description="from the acceptance of the send, or its scheduled moment"
    )


class FullReport(Travelling):
    """Everything about what became of a send. Exact and unchanging, but for interactions, when it is finished."""

    id: str
    state: State
    lane: Lane
    accepted_at: datetime
    begins_at: datetime | None = Field(default=None, description="when it was to begin, if it was scheduled")
    deadline: datetime
    finished_at: datetime | None = None
    first_delivery_at: datetime | None = None
    last_delivery_at: datetime | None = None
    total: Outcomes
    platforms: tuple[PlatformOutcomes, ...] = ()
    variants: tuple[VariantOutcomes, ...] = ()
    latency: Latency
    timeline: Timeline
    interactions: Interactions = Interactions()
    dry_run: bool = Field(default=False, description="nobody was reached: delivered means that it would have been sent")

    @property
    def since(self) -> datetime:
        """From when on it counts how long it took."""
        return measured_from(self.accepted_at, self.begins_at)


class Line(Travelling):
    """What of a send does not change over its life, as the report needs it."""

    id: str
    lane: Lane
    accepted_at: datetime
    begins_at: datetime | None
    deadline: datetime

    @property
    def since(self) -> datetime:
        """From when on it counts how long it takes."""
        return measured_from(self.accepted_at, self.begins_at)


def full_report(line: Line, counted: Report, latency: Sequence[int], went: Course, step: timedelta) -> FullReport:
    """The report from the send, what was counted, the histogram of answers and the course."""
    return FullReport(
        id=line.id,
        state=counted.state,
        lane=line.lane,
        accepted_at=line.accepted_at,
        begins_at=line.begins_at,
        deadline=line.deadline,
        finished_at=counted.finished_at,
        first_delivery_at=went.first_delivery_at,
        last_delivery_at=went.last_delivery_at,
        total=counted.total,
        platforms=by_platform(counted.variants),
        variants=counted.variants,
        latency=latency_of(went.delays, latency),
        timeline=_timeline(line.since, went, counted, step),
        dry_run=counted.dry_run,
    )


def latency_of(delays: Mapping[int, int], latency: Sequence[int]) -> Latency:
    """The quantiles of delays (by `delay_bucket`) and of a histogram of answers."""
    return Latency(accept_to_provider=quantiles(delay_buckets(delays)), provider=quantiles(latency_buckets(latency)))


def quantiles(buckets: Sequence[Bucket]) -> Quantiles:
    """Of what these buckets hold."""
    p50, p95, p99 = (quantile(buckets, share) for share in (0.5, 0.95, 0.99))
    return Quantiles(n=sum(one.n for one in buckets), p50=p50, p95=p95, p99=p99)


def by_platform(variants: Iterable[VariantOutcomes]) -> tuple[PlatformOutcomes, ...]:
    """The outcomes of variants, summed by platform."""
    platforms: dict[str, list[VariantOutcomes]] = {}
    for one in variants:
        platforms.setdefault(one.platform, []).append(one)
    return tuple(
        PlatformOutcomes(platform=platform, **together(found).model_dump())
        for platform, found in sorted(platforms.items())
    )


def step_for(line: Line, finished_at: datetime | None, now: datetime) -> timedelta:
    """The step of the timeline of a send, which reaches to its end, or until now."""
    return step_of(max(timedelta(), (finished_at or now) - line.since))


def _timeline(since: datetime, went: Course, counted: Report, step: timedelta) -> Timeline:
    """What was called off or missed before it was planned is in no record: it ended when the send did."""
    end = counted.finished_at
    start = since if end is None else min(since, end)
    ended = Counter(went.slots)
    if end is not None:
        unplanned = {fate: getattr(counted.total, fate) - _all(went, fate) for fate in Fate}
        ended += Counter({((end - start) // step, fate): n for fate, n in unplanned.items()})
    slots: dict[int, dict[str, int]] = {}
    for (slot, fate), n in sorted(ended.items()):
        slots.setdefault(slot, {})[fate.value] = n
    seconds = step.total_seconds()
    points = tuple(
        Point(
            at=start + slot * step,
            delivered_per_second=round(found.get(Fate.DELIVERED.value, 0) / seconds, 3),
            outcomes=found,
        )
        for slot, found in sorted(slots.items())
    )
    return Timeline(step_seconds=seconds, points=points)


def _all(went: Course, fate: Fate) -> int:
    return sum(n for (_, one), n in went.slots.items() if one is fate)
