"""The ladder: never too early, always the next rung, one queue per rung and target."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.delay import OVERSHOOT, SHORTEST, STEPS, ladder, step_for, step_past, step_towards, wait_queue

SCALES = st.floats(min_value=1, max_value=10_000)


def test_without_a_time_scale_the_rungs_are_what_policies_say() -> None:
    assert [step.ttl for step in ladder()] == list(STEPS)


def test_a_wait_queue_carries_target_and_real_time_so_that_two_scales_do_not_collide() -> None:
    assert wait_queue("slices.apns.now", ladder()[3]) == "wait.slices.apns.now.10000"
    assert wait_queue("slices.apns.now", ladder(60)[3]) == "wait.slices.apns.now.167"


@given(st.timedeltas(min_value=timedelta(0), max_value=STEPS[-1]), SCALES)
def test_a_wish_is_rounded_up_to_the_nearest_rung(wish: timedelta, scale: float) -> None:
    step = step_for(wish, scale)
    assert step is not None
    assert step.nominal >= wish
    assert all(shorter < wish for shorter in STEPS if shorter < step.nominal)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(seconds=2)), SCALES)
def test_a_span_is_over_when_the_rung_past_it_ends(span: timedelta, scale: float) -> None:
    step = step_past(span, scale)
    if step is None:
        assert span > ladder(scale)[-1].ttl
    else:
        assert step.ttl >= span


@given(st.floats(min_value=0, max_value=1), SCALES)
def test_waits_towards_a_moment_end_soon_after_it_and_are_few(share: float, scale: float) -> None:
    span, waits = ladder(scale)[-1].ttl * share, 0
    while span > timedelta(0):
        step = step_towards(span, scale)
        assert step.ttl <= max(span + OVERSHOOT, ladder(scale)[0].ttl)
        span -= step.ttl
        waits += 1
    assert waits <= 2 * len(STEPS)


def test_beyond_the_last_rung_there_is_none() -> None:
    assert step_for(STEPS[-1] + timedelta(microseconds=1)) is None
    assert step_past(STEPS[-1] / 60 + timedelta(milliseconds=1), 60) is None


@given(SCALES)
def test_no_wait_queue_is_shorter_than_the_shortest_and_none_longer_than_the_next(scale: float) -> None:
    ttls = [step.ttl for step in ladder(scale)]
    assert min(ttls) >= SHORTEST
    assert ttls == sorted(ttls)
