"""A book that does not close is shown, written down, and makes the demo fail."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from services.cli.api import Status
from services.cli.demo import _end
from services.cli.rehearsal.books import Check
from services.cli.rehearsal.performance import CAMPAIGN, Outcome
from services.cli.rehearsal.programme import SHOWN, document, show
from shared.flow.lane import Lane
from tests.unit.cli.stories import DEVICES, NOON, report_for

STATUS = Status(id="s", state="finished", lane=Lane.BULK, accepted_at=NOON, deadline=NOON, report=report_for(DEVICES))
GOOD = Check("the report adds up", "120 planned")
BAD = Check("each device", "120 devices", tuple(f"device {n}" for n in range(SHOWN + 5)))


def outcome(*checks: Check) -> Outcome:
    return Outcome({CAMPAIGN: STATUS}, {CAMPAIGN: checks})


def shown(found: Outcome) -> str:
    out = io.StringIO()
    show(found, Console(file=out, width=100))
    return out.getvalue()


def test_one_check_that_fails_leaves_the_books_open() -> None:
    assert outcome(GOOD, GOOD).closed
    assert not outcome(GOOD, BAD).closed


def test_the_demo_fails_if_the_books_do_not_close(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        _end(outcome(GOOD, BAD), tmp_path, Console(file=io.StringIO()))
    assert ended.value.code == 1
    _end(outcome(GOOD), tmp_path, Console(file=io.StringIO()))


def test_what_does_not_hold_is_shown_in_part_and_written_in_whole() -> None:
    said = shown(outcome(GOOD, BAD))
    assert "✓ the report adds up" in said
    assert "✗ each device" in said
    assert said.count("device ") >= SHOWN
    assert "and 5 more" in said
    told = document(outcome(GOOD, BAD), 60)
    assert told["closed"] is False
    assert [len(check["problems"]) for check in told["checks"]] == [0, SHOWN + 5]
    assert told["sends"][CAMPAIGN]["report"]["total"]["planned"] == len(DEVICES)
