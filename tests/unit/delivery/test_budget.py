"""Retries that fail again are a small share of the first attempts; what a retry ends costs nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.delivery.budget import WINDOW, Budget, Policy

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MOST_IN_A_CHUNK = 500


def budget(share: float = 0.1, least: float = 10, scale: float = 1) -> Budget:
    return Budget(Policy(share, least), lambda span: span / scale)


def test_a_route_without_first_attempts_has_the_least() -> None:
    assert budget().left(NOW) == 600


def test_a_tenth_of_the_first_attempts_of_the_last_minute_comes_on_top() -> None:
    one = budget()
    one.first(10_000, NOW)
    assert one.left(NOW) == 1600
    one.spend(1600, NOW + SECOND)
    assert one.left(NOW + SECOND) == 0
    assert one.left(NOW + WINDOW + 10 * SECOND) == 600


def test_what_its_retry_ended_is_given_back() -> None:
    one = budget()
    one.spend(600, NOW)
    assert one.left(NOW) == 0
    one.give_back(450, NOW + SECOND)
    assert one.left(NOW + SECOND) == 450


def test_the_time_scale_shortens_the_window() -> None:
    one = budget(scale=60)
    one.spend(600, NOW)
    assert one.left(NOW + SECOND / 2) == 0
    assert one.left(NOW + SECOND * 1.2) == 600


def test_it_is_forgotten_when_nothing_happened_for_a_window() -> None:
    one = budget()
    assert one.quiet(NOW)
    one.first(1, NOW)
    assert not one.quiet(NOW)
    assert one.quiet(NOW + WINDOW)


Step = tuple[str, int, float]
STEPS = st.lists(
    st.tuples(st.sampled_from(["first", "retry", "ended"]), st.integers(1, MOST_IN_A_CHUNK), st.floats(0, 20)),
    max_size=80,
)


@given(steps=STEPS, share=st.floats(0, 1), least=st.floats(0, 20))
def test_in_any_minute_what_failed_again_is_at_most_the_share_the_least_and_one_chunk(
    steps: list[Step], share: float, least: float
) -> None:
    """The window moves in twelfths: what is a twelfth older may still be counted, but nothing younger is left out."""
    one, now = budget(share, least), NOW
    firsts: list[tuple[datetime, int]] = []
    failed: list[tuple[datetime, int]] = []
    for kind, count, seconds in steps:
        now += timedelta(seconds=seconds)
        if kind == "first":
            one.first(count, now)
            firsts.append((now, count))
        elif kind == "retry" and one.left(now) > 0:
            one.spend(count, now)
            failed.append((now, count))
        elif kind == "ended" and failed:
            at, begun = failed.pop()
            one.give_back(min(count, begun), now)
            failed.append((at, begun - min(count, begun)))
        recent = sum(n for at, n in failed if at > now - WINDOW * 11 / 12)
        earned = share * sum(n for at, n in firsts if at > now - WINDOW * 2)
        assert recent <= least * 60 + earned + MOST_IN_A_CHUNK
