"""When a parked variant is probed, and when what waits for it looks again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.parking import LATEST, SOONEST, next_look, until_probe

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_probes_come_after_one_two_five_and_then_every_ten_minutes() -> None:
    assert [until_probe(n) for n in range(6)] == [n * MINUTE for n in (1, 2, 5, 10, 10, 10)]


@given(
    parked_for=st.timedeltas(timedelta(), timedelta(days=3)), probe_in=st.integers(-600, 600), scale=st.integers(1, 60)
)
def test_what_waits_looks_again_within_half_a_minute_and_is_there_for_the_probe(
    parked_for: timedelta, probe_in: int, scale: int
) -> None:
    probe_at = NOW + timedelta(seconds=probe_in)
    look = next_look(NOW, NOW - parked_for, probe_at, lambda span: span / scale)
    assert NOW < look <= NOW + LATEST / scale
    assert look >= NOW + SOONEST / scale or look == probe_at
    assert not NOW < probe_at < look
