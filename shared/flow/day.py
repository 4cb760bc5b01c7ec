"""What an app's notifications became over days: the sum of all records of a span of time, of whatever send. Pure.

A notification belongs to the moment at which its chunk was recorded, in UTC.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from pydantic import Field

from shared.flow.full_report import Latency, PlatformOutcomes, by_platform, latency_of
from shared.flow.lane import Lane
from shared.flow.model import Travelling
from shared.flow.record import LATENCY_BOUNDS
from shared.flow.report import Outcomes, Sum, VariantOutcomes, outcomes_of, together

SPAN: Final = timedelta(minutes=15)
"""Records are summed for good in spans of this length."""
GRACE: Final = timedelta(minutes=5)
"""No record is visible later than this after its time: it is dated again at every try to insert it."""
MOST_DAYS: Final = 92


@dataclass(frozen=True, slots=True)
class SpanSum:
    """What was recorded for one app in a span of time."""

    app: str
    start: datetime
    sum: Sum
    latency: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Answers by LATENCY_BOUNDS, by lane."""
    delays: Mapping[str, Counter[int]] = field(default_factory=dict)
    """From acceptance to delivery, by lane and `delay_bucket`."""


class Day(Travelling):
    """One day, from midnight to midnight in UTC."""

    day: date
    total: Outcomes


class AppReport(Travelling):
    """What an app's notifications became from day to day, whatever send they are of."""

    app: str
    first: date
    last: date
    total: Outcomes
    platforms: tuple[PlatformOutcomes, ...]
    variants: tuple[VariantOutcomes, ...]
    days: tuple[Day, ...] = Field(description="days on which nothing was recorded are left out")
    latency: dict[str, Latency] = Field(description="by lane")


def app_report(app: str, first: date, last: date, spans: Iterable[SpanSum]) -> AppReport:
    """The report of an app from its spans; each comes once."""
    known = list(spans)
    whole = _added(known)
    by_day: dict[date, list[SpanSum]] = {}
    for one in known:
        by_day.setdefault(one.start.astimezone(UTC).date(), []).append(one)
    variants = outcomes_of(whole)
    return AppReport(
        app=app,
        first=first,
        last=last,
        total=together(variants),
        platforms=by_platform(variants),
        variants=variants,
        days=tuple(Day(day=day, total=together(outcomes_of(_added(found)))) for day, found in sorted(by_day.items())),
        latency=_latency(known),
    )


def midnight(day: date) -> datetime:
    """The moment at which a day begins."""
    return datetime.combine(day, time(), UTC)


def span_start(moment: datetime) -> datetime:
    """The beginning of the span that a moment lies in."""
    day = midnight(moment.astimezone(UTC).date())
    return day + (moment - day) // SPAN * SPAN


def _added(spans: Iterable[SpanSum]) -> Sum:
    whole = Sum()
    for one in spans:
        whole += one.sum
    return whole


def _latency(spans: Iterable[SpanSum]) -> dict[str, Latency]:
    answers: dict[str, list[int]] = {lane: [0] * (len(LATENCY_BOUNDS) + 1) for lane in Lane}
    delays: dict[str, Counter[int]] = {lane: Counter() for lane in Lane}
    for one in spans:
        for lane, latency in one.latency.items():
            answers[lane] = [a + b for a, b in zip(answers[lane], latency, strict=True)]
        for lane, found in one.delays.items():
            delays[lane].update(found)
    return {lane.value: latency_of(delays[lane], answers[lane]) for lane in Lane}
