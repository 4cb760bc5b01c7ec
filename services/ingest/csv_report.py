"""A full report as CSV (RFC 4180): its outcomes, a row each that may be summed, or its timeline. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shared.flow.full_report import FullReport
from shared.flow.report import VariantOutcomes
from shared.flow.verdict import Fate

OUTCOMES: Final = ("platform", "variant", "outcome", "reason", "notifications")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that starts so for a formula (OWASP, CSV Injection)."""
Cell = str | int | float


def outcomes_csv(report: FullReport) -> bytes:
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


def _of(one: VariantOutcomes) -> Iterator[Sequence[Cell]]:
    yield one.platform, one.variant, "planned", "", one.planned
    for fate in Fate:
        reasons = one.reasons.get(fate, {})
        for reason, n in reasons.items():
            yield one.platform, one.variant, fate.value, reason, n
        without = getattr(one, fate) - sum(reasons.values())
        if without:
            yield one.platform, one.variant, fate.value, "", without
    if one.open:
        yield one.platform, one.variant, "open", "", one.open


def _csv(header: Sequence[Cell], rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
