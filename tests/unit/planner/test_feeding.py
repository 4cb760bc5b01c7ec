"""What goes onto the bus next: never more than the window, and no app before another's turn."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.planner.feeding import Candidate, choose

candidates = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 5), st.lists(st.integers(1, 10), max_size=30)), max_size=12
).map(lambda found: [Candidate(app, f"{app}.{n}.{i}", tuple(sizes)) for i, (app, n, sizes) in enumerate(found)])


@given(candidates=candidates, room=st.integers(0, 300))
def test_a_window_is_overrun_by_less_than_one_slice_and_never_left_idle(candidates: list[Candidate], room: int) -> None:
    chosen = choose(candidates, room)
    by_send = {one.send: one for one in candidates}
    used = sum(sum(by_send[send].sizes[:count]) for send, count in chosen.items())
    total = sum(sum(one.sizes) for one in candidates)
    assert used <= max(0, room + 9)
    assert used >= min(room, total)


@given(candidates=candidates, room=st.integers(1, 300))
def test_an_app_with_more_to_send_gets_no_second_slice_before_every_other_had_its_first(
    candidates: list[Candidate], room: int
) -> None:
    chosen = choose(candidates, room)
    slices: Counter[str] = Counter()
    for one in candidates:
        slices[one.app] += chosen.get(one.send, 0)
    hungry = {one.app for one in candidates if chosen.get(one.send, 0) < len(one.sizes)}
    if hungry and slices:
        most = max(slices.values())
        assert all(slices[app] >= most - 1 for app in hungry)


def test_the_turn_goes_on_behind_the_app_that_was_served_last() -> None:
    waiting = [Candidate(app, app, (10, 10)) for app in ("a", "b", "c")]
    assert choose(waiting, 10) == {"a": 1}
    assert choose(waiting, 10, after="a") == {"b": 1}
    assert choose(waiting, 10, after="c") == {"a": 1}
