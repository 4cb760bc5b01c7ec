"""A death in company is no proof; deaths alone are, unless workers die anyway."""

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.suspicion import DEATHS, MOST, SUSPECT, guilty, suspect


def test_three_deaths_make_a_suspect_and_three_alone_a_culprit() -> None:
    assert [suspect(deaths) for deaths in (0, SUSPECT - 1, SUSPECT)] == [False, False, True]
    assert [guilty(alone, 0) for alone in (0, DEATHS - 1, DEATHS)] == [False, False, True]


@given(st.integers(0, 100), st.integers(0, 100))
def test_workers_that_die_without_it_speak_for_it_but_not_for_ever(alone: int, elsewhere: int) -> None:
    assert guilty(alone, elsewhere) == (alone >= DEATHS + elsewhere or alone >= MOST)
    assert guilty(MOST, elsewhere)
    assert not guilty(DEATHS - 1, elsewhere)
