"""What a limit makes of chunks and portions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.limiting import (
    MOMENT,
    MOST_CHUNKS,
    SMALLEST_CHUNK,
    allowance,
    begun,
    bundle_size,
    chunk_size,
    portion,
    spread,
)

rates = st.floats(0.01, 1_000_000)


@given(rate=rates, usual=st.integers(20, 500))
def test_a_chunk_is_two_seconds_of_the_limit_but_never_more_than_usual(rate: float, usual: int) -> None:
    size = chunk_size(usual, rate)
    assert SMALLEST_CHUNK <= size <= usual
    assert size <= max(SMALLEST_CHUNK, rate * 2)
    assert chunk_size(usual, None) == usual


@given(rate=rates)
def test_a_portion_is_a_quarter_of_a_second_and_at_least_one(rate: float) -> None:
    assert 1 <= portion(rate) <= max(1, rate / 4)
    assert 1 <= bundle_size(rate) <= max(1, rate)


@given(per_minute=st.integers(1, 10_000_000), looks=st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_a_spread_send_never_runs_ahead_of_its_pace_nor_makes_up_for_a_pause(
    per_minute: int, looks: list[float]
) -> None:
    """Whoever looks, and whenever: in no span of time is more begun than its pace allows, and a moment's worth."""
    size, each = spread(500, per_minute, 1000)
    assert 1 <= size <= 500
    assert abs(size / each * 60 - per_minute) < per_minute / 1e6
    now, paced, begun_at = 1000.0, 0.0, list[tuple[float, int]]()
    for wait in looks:
        now += wait
        count = allowance(paced, now, each)
        paced = begun(paced, now, each, count)
        begun_at.append((now, count))
    for start, (since, _) in enumerate(begun_at):
        total = 0
        for at, count in begun_at[start:]:
            total += count
            assert total <= (at - since + MOMENT) / each + 2


def test_who_looks_every_second_keeps_the_pace() -> None:
    size, each = spread(500, 600, 1000)
    paced, total = 0.0, 0
    for second in range(60):
        count = allowance(paced, 1000.0 + second, each)
        paced = begun(paced, 1000.0 + second, each, count)
        total += count * size
    assert 600 <= total <= 600 + 3 * size + 20


def test_a_pace_of_which_the_time_scale_leaves_nothing_stops_nobody() -> None:
    assert allowance(0.0, 1000.0, 0.0) > 1_000_000


@pytest.mark.parametrize(("per_minute", "total", "size"), [(60, 1000, 2), (1, 50, 1), (60, 3_000_000, 30)])
def test_a_plan_that_is_spread_thin_over_very_many_stays_one_document(per_minute: int, total: int, size: int) -> None:
    """The pace is kept, in larger steps."""
    found, each = spread(500, per_minute, total)
    assert (found, each) == (size, size * 60 / per_minute)
    assert total / found <= MOST_CHUNKS
