"""A route that fails is left alone, tried by one notification, later and later, and used again once one got through."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.delivery.breaker import CAP, FIRST, IN_A_ROW, WINDOW, Breaker

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PATIENCE = timedelta(minutes=1)


def breaker() -> Breaker:
    return Breaker(lambda span: span, random.Random(1))


def test_a_few_failures_among_many_answers_open_nothing() -> None:
    one = breaker()
    for second in range(100):
        one.heard(95, 5, NOW + second * SECOND)
        assert one.closed


def test_half_of_many_open_it() -> None:
    one = breaker()
    one.heard(10, 4, NOW)
    one.heard(6, 10, NOW + SECOND)
    assert one.closed
    one.heard(1, 3, NOW + 2 * SECOND)
    assert one.until is not None


def test_a_quiet_route_opens_after_five_in_a_row_however_far_apart() -> None:
    one = breaker()
    opened = []
    for number in range(IN_A_ROW):
        one.heard(0, 1, NOW + number * timedelta(minutes=2))
        opened.append(not one.closed)
    assert opened == [False] * 4 + [True]


def test_failures_of_long_ago_do_not_count() -> None:
    one = breaker()
    one.heard(12, 11, NOW)
    one.heard(1, 3, NOW + WINDOW + SECOND)
    assert one.closed


def test_twenty_minutes_of_trouble_are_fewer_than_twenty_tries() -> None:
    one, now, tries = breaker(), NOW, 0
    one.heard(0, 500, now)
    while now < NOW + timedelta(minutes=20):
        now += SECOND
        if one.take(now, PATIENCE):
            tries += 1
            assert not one.take(now, PATIENCE)
            one.heard(0, 1, now)
    assert 3 <= tries < 20


@given(tries=st.integers(0, 30))
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(tries: int) -> None:
    one, now = breaker(), NOW
    one.heard(0, 500, now)
    for _ in range(tries):
        assert one.until is not None
        now = one.until
        assert one.take(now, PATIENCE)
        one.heard(0, 1, now)
    assert one.until is not None
    nominal = min(FIRST * 2 ** min(tries, 20), CAP)
    assert nominal <= one.until - now <= nominal * 1.25


def test_one_answer_closes_it_and_who_never_tells_keeps_the_try_for_a_while_only() -> None:
    one = breaker()
    one.heard(0, 5, NOW)
    later = NOW + timedelta(minutes=1)
    assert one.take(later, PATIENCE)
    assert not one.take(later + PATIENCE / 2, PATIENCE)
    assert one.take(later + PATIENCE, PATIENCE)
    one.heard(1, 0, later + PATIENCE)
    assert one.closed
    assert one.quiet
    assert one.take(later + PATIENCE, PATIENCE)
