"""Writes what happens, a JSON object a line, each with the kernel before the next step is taken."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self


class Journal:
    """An append-only file. Survives its writer; whoever makes it closes it."""

    def __init__(self, file: Path) -> None:
        self._fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **line: object) -> None:
        os.write(self._fd, json.dumps({"at": datetime.now(UTC).isoformat(), **line}).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._fd)
