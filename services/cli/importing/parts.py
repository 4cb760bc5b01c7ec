"""Cuts rows into parts that are sent as one request each, and keeps which line of a part was which row."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from services.cli.importing.row import Row, Skipped

LINES: Final = 50_000
"""Large enough that a request costs nothing beside its lines, small enough to be answered soon on a busy machine."""
LONGEST: Final = 64 * 1024
"""Bytes of a line: a longer one would end the whole request."""
BYTES: Final = 16_000_000


@dataclass(slots=True)
class Part:
    """Lines to send; `places[n]` is where line n+1 stood in the file. `skipped` came between them."""

    lines: list[bytes] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    size: int = 0

    @property
    def body(self) -> bytes:
        """As it is sent."""
        return b"\n".join(self.lines) + b"\n"


def parts(rows: Iterator[Row], lines: int = LINES) -> Iterator[Part]:
    """Every row is in one part, in order."""
    part = Part()
    for row in rows:
        if isinstance(row, Skipped):
            part.skipped.append(row)
        elif len(row.line) > LONGEST:
            part.skipped.append(Skipped(row.place, f"longer than {LONGEST // 1024} kB"))
        else:
            part.lines.append(row.line)
            part.places.append(row.place)
            part.size += len(row.line)
        if len(part.lines) + len(part.skipped) >= lines or part.size >= BYTES:
            yield part
            part = Part()
    if part.lines or part.skipped:
        yield part
