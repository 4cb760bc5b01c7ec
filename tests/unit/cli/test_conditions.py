"""Each condition says the same in all of its columns."""

import pytest

from services.cli.rehearsal.books import judged
from services.cli.rehearsal.conditions import CONDITIONS, HEALTHY, Condition
from shared.flow.verdict import Fate

ROWS = [HEALTHY, *(row for rows in CONDITIONS.values() for row in rows)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}: {row.final}")
def test_the_outcome_is_the_one_that_the_answers_have(row: Condition) -> None:
    assert judged(row.answers) == (row.fate, row.reason)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}: {row.final}")
def test_only_what_is_unregistered_may_be_retired(row: Condition) -> None:
    assert not row.retired or row.fate is Fate.UNREGISTERED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}: {row.final}")
def test_a_script_says_the_answers_that_come_before_the_final_one(row: Condition) -> None:
    said = [f"{step['status']} {step['reason']}" for step in row.script]
    assert tuple(said) == row.before
