"""A send over time: buckets, quantiles and steps; and the full report that is made of them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.course import (
    MOST_POINTS,
    Bucket,
    course,
    delay_bucket,
    delay_buckets,
    latency_buckets,
    quantile,
    step_of,
)
from shared.flow.full_report import full_report, step_for
from shared.flow.record import LATENCY_BOUNDS
from shared.flow.report import fold, report
from shared.flow.verdict import Fate
from shared.full_reports import line_of
from tests.records import NOW, everything, plan_with


@given(st.integers(0, 10**11))
def test_a_delay_lies_in_its_bucket(milliseconds: int) -> None:
    delay = timedelta(milliseconds=milliseconds)
    (bucket,) = delay_buckets({delay_bucket(delay): 1})
    assert bucket.low * (1 - 1e-9) <= max(0.001, delay.total_seconds()) <= bucket.high * (1 + 1e-9)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_is_within_a_bucket_of_the_true_one(milliseconds: list[int], share: float) -> None:
    counts: dict[int, int] = {}
    for one in milliseconds:
        bucket = delay_bucket(timedelta(milliseconds=one))
        counts[bucket] = counts.get(bucket, 0) + 1
    true = sorted(milliseconds)[max(0, -(-int(share * len(milliseconds) * 1000) // 1000) - 1)] / 1000
    found = quantile(delay_buckets(counts), share)
    assert found is not None
    assert true / 1.26 <= found <= true * 1.26


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile([], 0.5) is None
    assert quantile(latency_buckets((0,) * (len(LATENCY_BOUNDS) + 1)), 0.99) is None


def test_the_slowest_answers_count_as_the_last_bound() -> None:
    latency = (0,) * len(LATENCY_BOUNDS) + (3,)
    assert quantile(latency_buckets(latency), 0.5) == LATENCY_BOUNDS[-1]
    assert latency_buckets((2,)) == [Bucket(0.0, LATENCY_BOUNDS[0], 2)]


@pytest.mark.parametrize("seconds", [0, 0.2, 1, 239, 241, 86_400, 28 * 86_400])
def test_a_timeline_has_a_bounded_number_of_points(seconds: float) -> None:
    span = timedelta(seconds=seconds)
    assert span / step_of(span) <= MOST_POINTS


def test_the_timeline_of_a_scheduled_send_begins_at_its_moment() -> None:
    """It waited for a week, and took 9 seconds: a point is a second, and nothing took a week."""
    parts, asked = everything([2, 3], 5), NOW - timedelta(days=7)
    plan = plan_with([2, 3]).model_copy(update={"accepted_at": asked, "begins_at": NOW})
    counted = report(plan, fold(parts), finished_at=NOW + timedelta(seconds=9))
    step = step_for(line_of(plan), counted.finished_at, NOW)
    full = full_report(line_of(plan), counted, fold(parts).latency, course(parts, line_of(plan).since, step), step)
    assert (full.accepted_at, full.begins_at, full.since) == (asked, NOW, NOW)
    assert full.timeline.step_seconds == 1
    assert NOW <= full.timeline.points[0].at < NOW + timedelta(seconds=10)
    assert (full.latency.accept_to_provider.p99 or 0) < 10
    assert plan.since == NOW


@given(chunks=st.lists(st.integers(1, 5), min_size=2, max_size=2), seed=st.integers(0, 10_000))
def test_the_full_report_says_the_same_as_the_counts(chunks: list[int], seed: int) -> None:
    plan, parts = plan_with(chunks), everything(chunks, seed)
    end = NOW + timedelta(seconds=9)
    counted = report(plan, fold(parts), finished_at=end)
    step = step_for(line_of(plan), counted.finished_at, end)
    went = course(parts * 2, plan.accepted_at, step)
    full = full_report(line_of(plan), counted, fold(parts).latency, went, step)
    assert full.total == counted.total
    for fate in Fate:
        assert sum(one.outcomes.get(fate, 0) for one in full.timeline.points) == getattr(full.total, fate)
        assert sum(getattr(one, fate) for one in full.platforms) == getattr(full.total, fate)
    assert full.latency.accept_to_provider.n == full.total.delivered
    assert sum(one.planned for one in full.platforms) == full.total.planned
    assert {one.platform for one in full.platforms} == {one.platform for one in full.variants}
