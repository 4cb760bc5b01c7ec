"""What a limit makes of chunks and portions."""

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.limiting import SMALLEST_CHUNK, bundle_size, chunk_size, portion

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
