"""Tells of rows that were not taken: the first on the terminal, all of them in a file if there is one."""

import json
from pathlib import Path
from typing import Final

from rich.console import Console

SHOWN: Final = 20
"""Rows that are written to the terminal."""


class Refusals:
    """A context: leaving it closes the file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = None if path is None else path.open("w", encoding="utf-8")
        self._console = Console(stderr=True, highlight=False)
        self._told = 0

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if self._told > SHOWN:
            where = f"all in {self._path}" if self._path else "--errors FILE keeps them all"
            self._console.print(f"… and {self._told - SHOWN:,} more; {where}", markup=False)

    def tell(self, place: int, what: str, why: str) -> None:
        """One row."""
        self._told += 1
        if self._told <= SHOWN:
            self._console.print(f"{place}: {what}: {why}", markup=False, soft_wrap=True)
        if self._file is not None:
            self._file.write(json.dumps({"row": place, "outcome": what, "why": why}, ensure_ascii=False) + "\n")
