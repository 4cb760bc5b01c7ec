"""What a person sees of a send: how far it is, and what became of it."""

import io

import pytest
from rich.console import Console

from services.cli.api import Status
from services.cli.follow import Bars, Lines, expected, said_of, settled
from services.cli.report_table import report_table
from shared.flow.report import Outcomes, Report
from tests.unit.cli.stories import DEVICES, NOON, report_for

WHOLE = report_for(DEVICES)
HALF = Report(
    state="running",
    total=Outcomes(planned=500, delivered=480, open=20),
    chunks=4,
    chunks_recorded=1,
)


def status(report: Report, **more: object) -> Status:
    told = {"id": "s", "state": report.state, "lane": "bulk", "accepted_at": NOON, "deadline": NOON, "report": report}
    return Status.model_validate({**told, **more})


def test_the_whole_is_estimated_from_the_chunks_that_were_recorded() -> None:
    assert settled(HALF) == 480
    assert expected(status(HALF)) == 2000
    assert expected(status(WHOLE)) == len(DEVICES)
    assert expected(status(HALF.model_copy(update={"chunks_recorded": 0}))) is None


def test_a_line_says_the_state_and_what_occurred() -> None:
    assert said_of(status(HALF)) == "running, 500 planned, 480 delivered, 20 open"


def test_a_rejected_send_says_why() -> None:
    problems = [{"pointer": "/message/body", "detail": "too long"}]
    assert said_of(status(HALF, state="rejected", problems=problems)) == "rejected: /message/body too long"


def test_lines_are_printed_when_something_changed_only() -> None:
    out = io.StringIO()
    with Lines(Console(file=out, width=40)) as _:
        lines = Lines(Console(file=out, width=40))
        for report in (HALF, HALF, WHOLE):
            lines.show("campaign", status(report))
    printed = out.getvalue().splitlines()
    assert [line.split(",")[0] for line in printed] == ["campaign: running", "campaign: finished"]


@pytest.mark.parametrize("report", [HALF, WHOLE], ids=["running", "finished"])
def test_bars_show_each_send(report: Report) -> None:
    out = io.StringIO()
    with Bars(Console(file=out, force_terminal=True, width=160)) as bars:
        bars.show("campaign", status(report))
    assert "campaign" in out.getvalue()
    assert f"{report.total.delivered:,} delivered" in out.getvalue()


def test_the_table_has_every_outcome_and_reason_of_the_report() -> None:
    out = io.StringIO()
    Console(file=out, width=120).print(report_table("Campaign", WHOLE))
    rows = {cells[0]: cells[1:] for line in out.getvalue().splitlines() if len(cells := _cells(line)) == 4}
    assert rows["planned"] == ["60", "60", "120"]
    assert rows["unregistered"][2] == str(WHOLE.total.unregistered)
    assert rows["BadDeviceToken"][1] == "-"
    assert set(rows) >= set(WHOLE.total.reasons["rejected"])
    assert "failed" not in rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.replace("┃", "│").strip("│").split("│")]
