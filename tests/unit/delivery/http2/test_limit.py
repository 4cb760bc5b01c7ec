"""How many requests of a route may be in flight follows how it fares: up step by step, down by half."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.http2.limit import FIRST, RAMP, RECOVERING, SLOW_FLOOR, USUAL_WITHIN, Limit, is_slow
from services.delivery.http2.news import News
from shared.flow.lane import Lane

MOST = 4000


def limit(most: int = MOST, scale: float = 1) -> Limit:
    return Limit(most, scale, 0.0)


def look(one: Limit, ended: int, refused: int, now: float, *, late: int = 0, seconds: float = 0.1) -> str | None:
    """So many have ended, so many of them were refused or late, the others answered within so many seconds."""
    fine = ended - refused - late
    one.tell(News(ended, refused, late, fine, fine * seconds))
    return one.look(now)


def full(one: Limit) -> None:
    """As many are in flight as may be."""
    one.carries(int(one.value))


def test_a_new_route_ramps_up_over_a_minute_while_it_is_used_to_the_full() -> None:
    one = limit()
    assert one.value == FIRST
    for second in range(1, 60):
        full(one)
        assert look(one, 1000, 0, float(second)) is None
        assert one.value < MOST
    full(one)
    look(one, 1000, 0, RAMP)
    assert one.value == pytest.approx(MOST)


def test_the_time_scale_shortens_the_ramp() -> None:
    one = limit(scale=60)
    for tick in range(1, 6):
        full(one)
        look(one, 1000, 0, tick * 0.25)
    assert one.value == pytest.approx(MOST)


def test_what_is_not_used_does_not_grow() -> None:
    one = limit()
    for second in range(1, 100):
        one.carries(FIRST // 4)
        look(one, 100, 0, float(second))
    assert one.value == FIRST


def test_a_black_hole_of_one_percent_lowers_nothing() -> None:
    one = limit()
    for second in range(1, 61):
        full(one)
        assert look(one, 1000, 10, float(second)) is None
    assert one.value == pytest.approx(MOST)


def test_a_tenth_refused_halves_it_and_it_recovers_step_by_step() -> None:
    one = limit()
    full(one)
    assert look(one, 1000, 100, 1.0) == "trouble"
    assert one.value == FIRST / 2
    full(one)
    look(one, 1000, 0, 2.0)
    assert FIRST / 2 < one.value < FIRST / 2 + 2 * (MOST - FIRST) / RAMP


def test_when_most_is_refused_it_falls_to_what_a_recovering_route_is_trusted_with_then_on_to_one() -> None:
    one = limit()
    full(one)
    look(one, 1000, 900, 1.0)
    assert one.value == RECOVERING
    for second in range(2, 12):
        full(one)
        look(one, 40, 40, float(second))
    assert one.value == 1
    assert one.room(Lane.BULK, 0) == 1
    assert one.room(Lane.NOW, 0) == 1


def test_from_one_it_is_back_within_two_minutes() -> None:
    one = limit()
    one.value = 1.0
    for second in range(1, 121):
        full(one)
        look(one, 100, 0, float(second))
    assert one.value == pytest.approx(MOST)


def test_a_single_failure_on_a_quiet_route_lowers_nothing_nor_do_few_speed_it_up() -> None:
    one = limit()
    for minute in range(1, 20):
        one.carries(1)
        assert look(one, 1, 1, minute * 61.0) is None
    assert one.value == FIRST


def test_a_route_with_little_to_do_of_which_some_is_refused_is_not_strangled() -> None:
    one = limit()
    one.carries(3)
    look(one, 40, 4, 1.0)
    assert one.value >= RECOVERING


def test_slowness_takes_a_quarter_at_a_time_and_never_all() -> None:
    one = limit()
    full(one)
    look(one, 1000, 0, 1.0)
    before = one.value
    full(one)
    assert look(one, 1000, 0, 2.0, seconds=2.0) == "slow"
    assert one.value == pytest.approx(before * 0.75, abs=1)
    for second in range(3, 10):
        full(one)
        look(one, 1000, 0, float(second), seconds=2.0)
    assert one.value == SLOW_FLOOR


def test_what_stays_slow_becomes_usual_and_is_used_again() -> None:
    one = limit()
    look(one, 1000, 0, 1.0)
    for second in range(2, int(3 * USUAL_WITHIN)):
        full(one)
        look(one, 1000, 0, float(second), seconds=2.0)
    assert one.value > FIRST


def test_what_was_swallowed_in_a_burst_long_ago_is_compared_with_the_burst() -> None:
    one = limit()
    full(one)
    look(one, 10_000, 0, 1.0)
    before = one.value
    assert look(one, 110, 0, 31.0, late=100) is None
    assert one.value >= before


def test_a_third_swallowed_lowers_it_once_for_each_time_it_is_seen() -> None:
    one, lowered = limit(), 0
    for second in range(1, 61):
        full(one)
        lowered += look(one, 300, 0, float(second), late=100 if second > 30 else 0) == "trouble"
    assert 3 <= lowered < 30


def test_slow_is_many_times_the_floor_and_clearly_more() -> None:
    assert not is_slow(0.3, 0.001), "a busy moment of ours"
    assert not is_slow(2.0, 1.0), "a provider far away"
    assert is_slow(1.0, 0.08)


def test_a_route_that_was_idle_for_a_minute_begins_anew() -> None:
    one = limit()
    one.value = float(MOST)
    look(one, 0, 0, 59.0)
    assert one.value == pytest.approx(MOST)
    look(one, 0, 0, 61.0)
    assert one.value == FIRST


def test_now_has_room_when_bulk_has_none() -> None:
    one = limit()
    assert one.room(Lane.BULK, FIRST - FIRST // 10) == 0
    assert one.room(Lane.NOW, FIRST - FIRST // 10) == FIRST // 10


WINDOWS = st.lists(
    st.tuples(st.integers(0, 5000), st.floats(0, 1), st.floats(0, 1), st.booleans(), st.floats(0.25, 90)), max_size=60
)


@given(most=st.integers(1, 8000), scale=st.sampled_from([1.0, 60.0]), windows=WINDOWS)
def test_it_stays_between_one_and_the_most_and_never_admits_more(
    most: int, scale: float, windows: list[tuple[int, float, float, bool, float]]
) -> None:
    one, now = Limit(most, scale, 0.0), 0.0
    for ended, bad, use, slow, seconds in windows:
        in_flight = int(one.value * use)
        one.carries(in_flight)
        now += seconds
        before = one.value
        why = look(one, ended, int(ended * bad), now, seconds=5.0 if slow else 0.1)
        assert 1 <= one.value <= most
        assert why is None or one.value <= before
        assert one.value <= max(2 * before, FIRST)
        for lane in Lane:
            assert 0 <= one.room(lane, in_flight) <= max(0, one.value - in_flight)
        assert one.room(Lane.NOW, 0) >= 1
        assert one.room(Lane.BULK, 0) >= 1


@given(windows=st.lists(st.tuples(st.integers(20, 5000), st.floats(0.05, 1)), min_size=1, max_size=30))
def test_more_trouble_never_leaves_more_room(windows: list[tuple[int, float]]) -> None:
    calm, worse = limit(), limit()
    for number, (ended, bad) in enumerate(windows, 1):
        calm.carries(FIRST)
        worse.carries(FIRST)
        look(calm, ended, 0, float(number))
        look(worse, ended, -int(-ended * bad // 1), float(number))
        assert worse.value <= calm.value
