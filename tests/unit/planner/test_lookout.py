"""Of too many sends each look is about some, of every app, and none is left out for ever."""

import math

from hypothesis import given
from hypothesis import strategies as st

from services.planner.lookout import fair_page
from shared.flow.identity import split_send_key

WAITING = st.dictionaries(st.integers(0, 30), st.integers(1, 40), min_size=1)


def keys_of(waiting: dict[int, int]) -> list[str]:
    return [f"app{app:02}.send{send:04}" for app, sends in waiting.items() for send in range(sends)]


@given(WAITING, st.integers(1, 25), st.integers(0, 1000))
def test_a_page_is_no_larger_than_allowed_and_names_nobody_twice(waiting: dict[int, int], size: int, turn: int) -> None:
    page = fair_page(keys_of(waiting), size, turn)
    assert 0 < len(page) <= size
    assert len(set(page)) == len(page)
    assert set(page) <= set(keys_of(waiting))


@given(WAITING, st.integers(1, 25), st.integers(0, 1000))
def test_each_send_has_its_turn(waiting: dict[int, int], size: int, turn: int) -> None:
    keys = keys_of(waiting)
    rounds = math.ceil(len(waiting) / size) * max(waiting.values()) + len(waiting)
    seen = {key for n in range(rounds) for key in fair_page(keys, size, turn + n)}
    assert seen == set(keys)


@given(WAITING, st.integers(1, 25), st.integers(0, 1000))
def test_an_app_with_few_sends_is_in_every_page_that_has_room_for_all_apps(
    waiting: dict[int, int], size: int, turn: int
) -> None:
    page = fair_page(keys_of(waiting), size, turn)
    apps = {split_send_key(key)[0] for key in page}
    assert len(apps) == min(size, len(waiting))
