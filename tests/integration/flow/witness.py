"""What the processes of a fleet logged while a test ran that failed: there is no second look at another's machine."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

MOST: Final = 12
"""Lines of each process: its warnings and errors, and the last ones of all."""
LAST: Final = 3
WIDTH: Final = 400


def witnessed(logs: Path, since: float) -> str:
    """What was logged in this folder since then (seconds since 1970), shortened."""
    began = datetime.fromtimestamp(since, UTC).isoformat()
    return "\n".join(
        f"{log.stem}: {line[:WIDTH]}" for log in sorted(logs.glob("*.log")) for line in _telling(_since(log, began))
    )


def _since(log: Path, began: str) -> Iterator[str]:
    for line in log.read_text("utf-8", "replace").splitlines():
        _, found, rest = line.partition('"timestamp":"')
        if found and rest > began[:19]:
            yield line


def _telling(lines: Iterable[str]) -> list[str]:
    known = list(lines)
    wrong = [line for line in known[:-LAST] if '"level":"info"' not in line]
    return [*wrong[-MOST:], *known[-LAST:]]
