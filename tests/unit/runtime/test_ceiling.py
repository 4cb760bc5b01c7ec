"""The ceiling: many dead messages of one queue close it, one that comes again and again does not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ceiling import MOST, PAUSES, PROBE, WINDOW, Ceiling
from shared.foundation import _taken_from

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def spoil(ceiling: Ceiling, count: int, at: datetime = NOW, name: str = "m") -> bool:
    return [ceiling.spoiled(f"{name}{n}", at) for n in range(count)][-1]


def test_one_more_than_the_ceiling_closes_it() -> None:
    ceiling = Ceiling()
    assert not spoil(ceiling, MOST)
    assert ceiling.spoiled("one more", NOW)
    assert ceiling.reached


def test_one_message_that_fails_for_ever_closes_nothing() -> None:
    ceiling = Ceiling()
    assert not any(ceiling.spoiled("the same", NOW + n * SECOND) for n in range(10 * MOST))
    assert ceiling.dead == 1


def test_what_was_long_ago_does_not_count() -> None:
    ceiling = Ceiling()
    assert not any(ceiling.spoiled(f"m{n}", NOW + n * WINDOW / MOST) for n in range(5 * MOST))


def test_one_that_comes_again_and_again_keeps_no_other_in_the_window() -> None:
    ceiling = Ceiling()
    for n in range(5 * MOST):
        at = NOW + n * WINDOW / (MOST / 2)
        assert not ceiling.spoiled("the same", at)
        assert not ceiling.spoiled(f"m{n}", at)


def test_after_a_pause_few_are_enough_and_pauses_grow_until_one_is_handled() -> None:
    ceiling = Ceiling(lambda span: span / 60)
    spoil(ceiling, MOST + 1)
    pauses = []
    for n in range(6):
        pauses.append(ceiling.pause() * 60)
        ceiling.open()
        assert not ceiling.reached
        assert not spoil(ceiling, PROBE, name=f"again {n} ")
        assert ceiling.spoiled("one more", NOW)
    assert pauses == [*PAUSES, PAUSES[-1], PAUSES[-1]]
    ceiling.open()
    ceiling.well()
    assert not spoil(ceiling, MOST)
    assert ceiling.pause() * 60 == PAUSES[0]


@pytest.mark.anyio
async def test_a_process_that_leaves_a_queue_alone_is_not_ready() -> None:
    await _taken_from(set())
    with pytest.raises(RuntimeError, match=r"slices\.apns\.now"):
        await _taken_from({"slices.apns.now"})


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 2000)), max_size=600))
def test_it_is_reached_exactly_when_too_many_different_ones_lie_in_a_window(found: list[tuple[int, int]]) -> None:
    ceiling = Ceiling()
    last: dict[int, datetime] = {}
    expected = False
    for message, seconds in sorted(found, key=lambda one: one[1]):
        at = NOW + seconds * SECOND
        last[message] = at
        expected = expected or sum(when > at - WINDOW for when in last.values()) > MOST
        assert ceiling.spoiled(str(message), at) == expected
