"""Reports as CSV (RFC 4180): outcomes by variant or day, in rows that may be summed; timelines; comparisons. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from services.ingest.compared import Compared
from shared.flow.day import AppReport
from shared.flow.full_report import FullReport
from shared.flow.report import Outcomes, VariantOutcomes
from shared.flow.verdict import Fate

OUTCOMES: Final = ("platform", "variant", "outcome", "reason", "notifications")
COMPARED: Final = (
    "send", "state", "lane", "accepted_at", "finished_at", "seconds", "planned", *Fate, "open", "p50", "p95", "p99",
    "received", "opened", "open_rate",
)  # fmt: skip
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that starts so for a formula (OWASP, CSV Injection)."""
Cell = str | int | float


def outcomes_csv(report: FullReport | AppReport) -> bytes:
    """A row for what was planned of each variant, and one for each outcome and reason; no row is a sum of others."""
    return _csv(OUTCOMES, (row for one in report.variants for row in _of(one)))


def timeline_csv(report: FullReport) -> bytes:
    """A row for each step in which something ended."""
    header = ("at", "seconds", "delivered_per_second", *Fate)
    rows: Iterable[Sequence[Cell]] = (
        (
            one.at.isoformat(),
            report.timeline.step_seconds,
            one.delivered_per_second,
            *(one.outcomes.get(fate, 0) for fate in Fate),
        )
        for one in report.timeline.points
    )
    return _csv(header, rows)


def days_csv(report: AppReport) -> bytes:
    """As `outcomes_csv`, of each day."""
    header = ("day", "outcome", "reason", "notifications")
    return _csv(header, ((one.day.isoformat(), *row) for one in report.days for row in _outcomes(one.total)))


def comparison_csv(sends: Iterable[Compared]) -> bytes:
    """A row for each send."""
    return _csv(COMPARED, map(_compared, sends))


def _of(one: VariantOutcomes) -> Iterator[Sequence[Cell]]:
    return ((one.platform, one.variant, *row) for row in _outcomes(one))


def _outcomes(one: Outcomes) -> Iterator[tuple[str, str, int]]:
    yield "planned", "", one.planned
    for fate in Fate:
        reasons = one.reasons.get(fate, {})
        for reason, n in reasons.items():
            yield fate.value, reason, n
        without = getattr(one, fate) - sum(reasons.values())
        if without:
            yield fate.value, "", without
    if one.open:
        yield "open", "", one.open


def _compared(one: Compared) -> Sequence[Cell]:
    latency, told = one.latency.accept_to_provider, one.interactions
    return (
        one.id, one.state, one.lane, one.accepted_at.isoformat(),
        one.finished_at.isoformat() if one.finished_at else "", _known(one.seconds), one.total.planned,
        *(getattr(one.total, fate) for fate in Fate), one.total.open,
        *map(_known, (latency.p50, latency.p95, latency.p99)), told.received, told.opened, _known(told.open_rate),
    )  # fmt: skip


def _known(number: float | None) -> Cell:
    return "" if number is None else number


def _csv(header: Sequence[Cell], rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
