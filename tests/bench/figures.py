"""What came out: a flat object for machines, tables for people. A figure that was not measured is not in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table as Drawn

from services.cli.local.places import BUILD

FILE: Final = BUILD / "bench.json"
FOLDER: Final = BUILD / "bench"
"""Programs, certificates, logs and databases of the bench; may be deleted at any time."""
Figure = float | int | str | bool


class MeasureError(Exception):
    """What was measured cannot count: something was lost, made twice, or did not end in time."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table for people; every cell is text already."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(slots=True)
class Outcome:
    """What a part measured."""

    figures: dict[str, Figure] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Another part of the same run."""
        self.figures.update(other.figures)
        self.tables.extend(other.tables)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def draw(console: Console, table: Table) -> None:
    drawn = Drawn(title=table.title, title_justify="left", header_style="bold")
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="left" if number == 0 else "right")
    for row in table.rows:
        drawn.add_row(*row)
    console.print(drawn)


def markdown(table: Table) -> str:
    """The table as the README holds it."""
    lines = [table.columns, ["---", *["---:"] * (len(table.columns) - 1)], *table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write(figures: Mapping[str, Figure]) -> None:
    """One run is one file: figures of different runs are never mixed."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    part = FILE.with_suffix(".part")
    part.write_text(json.dumps(dict(figures), indent=1) + "\n", "utf-8")
    part.replace(FILE)


def folder(name: str) -> Path:
    """A place below FOLDER, made if need be."""
    place = FOLDER / name
    place.mkdir(parents=True, exist_ok=True)
    return place
