"""A report as CSV: rows that may be summed, and no cell that a spreadsheet would run."""

import csv
import io
from datetime import timedelta

from services.ingest.compared import compared
from services.ingest.csv_report import comparison_csv, days_csv, outcomes_csv, timeline_csv
from shared.flow.course import course
from shared.flow.day import SpanSum, app_report
from shared.flow.full_report import FullReport, full_report
from shared.flow.report import fold, report
from shared.flow.verdict import Fate
from shared.full_reports import line_of
from tests.records import NOW, everything, plan_with

STEP = timedelta(seconds=1)


def made(seed: int = 3) -> FullReport:
    plan, parts = plan_with([3, 4]), everything([3, 4], seed)
    counted = report(plan, fold(parts), finished_at=NOW)
    return full_report(line_of(plan), counted, fold(parts).latency, course(parts, NOW, STEP), STEP)


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_the_rows_of_an_outcome_add_up_to_the_report() -> None:
    found, full = rows(outcomes_csv(made())), made()
    for outcome in ("planned", *Fate):
        assert sum(int(row["notifications"]) for row in found if row["outcome"] == outcome) == getattr(
            full.total, outcome
        )
    assert {row["variant"] for row in found} == {"v1", "v2"}


def test_the_rows_of_the_timeline_add_up_too() -> None:
    found, full = rows(timeline_csv(made())), made()
    assert sum(int(row["delivered"]) for row in found) == full.total.delivered
    assert all(float(row["delivered_per_second"]) == int(row["delivered"]) for row in found)


def test_a_reason_is_no_formula() -> None:
    full = made()
    (first, *rest) = full.variants
    evil = first.model_copy(update={"reasons": {"rejected": {'=1+1,"x"': first.rejected}}})
    content = outcomes_csv(full.model_copy(update={"variants": (evil, *rest)}))
    assert '\'=1+1,"x"' in [row["reason"] for row in rows(content)]


def test_the_rows_of_days_and_of_variants_of_an_app_add_up() -> None:
    spans = [SpanSum("app", NOW + timedelta(hours=23 * n), fold(everything([3, 4], n))) for n in range(3)]
    report = app_report("app", NOW.date(), NOW.date() + timedelta(days=2), spans)
    found, by_variant = rows(days_csv(report)), rows(outcomes_csv(report))
    assert [row["day"] for row in found if row["outcome"] == "planned"] == ["2030-01-01", "2030-01-02"]
    for outcome in ("planned", *Fate):
        for one in (found, by_variant):
            wanted = getattr(report.total, outcome)
            assert sum(int(row["notifications"]) for row in one if row["outcome"] == outcome) == wanted


def test_a_comparison_has_a_row_for_each_send_and_nothing_where_nothing_is_known() -> None:
    full = made()
    running = full.model_copy(update={"id": "running", "finished_at": None, "last_delivery_at": None})
    first, second = rows(comparison_csv([compared(full), compared(running)]))
    assert (first["send"], second["send"]) == ("send", "running")
    assert first["delivered"] == str(full.total.delivered)
    assert float(first["p99"]) == full.latency.accept_to_provider.p99
    assert (second["finished_at"], second["seconds"], second["open_rate"]) == ("", "", "")
    assert first["seconds"]
