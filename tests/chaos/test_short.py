"""The short form of the proof: what kills and cuts most, with small campaigns, in every test run."""

from pathlib import Path

import pytest

from tests.chaos import table
from tests.chaos.case import Case
from tests.chaos.catalogue import CASES, SHORT
from tests.chaos.playing import play
from tests.chaos.running import Run

DEVICES = 2000
SEED = 1


@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_nothing_is_lost_and_nothing_counted_twice_whatever_dies(tmp_path: Path) -> None:
    cases: list[Case] = [case for case in CASES if case.name in SHORT]
    outcomes = play(cases, Run(tmp_path / "run", DEVICES, SEED, short=True), lambda *_: None)
    assert list(outcomes) == [case.name for case in cases]
    missed = [table.line(name, outcome) for name, outcome in outcomes.items() if not outcome.good]
    assert not missed, "\n".join([table.HEAD, *missed])


def test_every_case_has_a_name_of_its_own_and_the_short_form_is_some_of_them() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert [case.name for case in CASES if case.name in SHORT] == list(SHORT)
