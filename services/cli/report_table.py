"""Draws a report: a column for each variant and one for all, a row for each outcome and each reason."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from shared.flow.report import Outcomes, Report
from shared.flow.verdict import Fate


def report_table(title: str, report: Report) -> Table:
    """Outcomes that did not occur are left out; `open` is shown while there is any."""
    variants = sorted(report.variants, key=lambda one: (one.platform, one.variant))
    columns: Sequence[Outcomes] = (*variants, report.total)
    table = Table(title=title, title_justify="left", title_style="bold", min_width=46)
    table.add_column("")
    for variant in variants:
        table.add_column(variant.platform, justify="right")
    table.add_column("all", justify="right", style="bold")
    for label, figures, style in _rows(columns, report.total):
        table.add_row(label, *(f"{figure:,}" if figure else "-" for figure in figures), style=style)
    return table


def _rows(columns: Sequence[Outcomes], total: Outcomes) -> Iterator[tuple[str, list[int], str]]:
    yield "planned", [one.planned for one in columns], "bold"
    for fate in Fate:
        if getattr(total, fate) or fate is Fate.DELIVERED:
            yield f"  {fate}", [getattr(one, fate) for one in columns], "green" if fate is Fate.DELIVERED else ""
            for reason in total.reasons.get(fate, {}):
                yield f"    {reason}", [one.reasons.get(fate, {}).get(reason, 0) for one in columns], "dim"
    if total.open:
        yield "  open", [one.open for one in columns], "yellow"
