"""Reads the simulators' request logs: which notification was asked for which device, and what was answered."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from services.cli.rehearsal.conditions import ACCEPTED

MARK: Final = "rehearsal"
"""The key of the message's data that says which send a request belongs to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to send. `send` is the mark, empty if it has none; `answer` is status and reason, or the drop."""

    send: str
    platform: str
    token: str
    answer: str
    at: datetime

    @property
    def accepted(self) -> bool:
        return self.answer == ACCEPTED


def read(folder: Path, platforms: Iterable[str]) -> tuple[Asked, ...]:
    """Everything that these providers were asked, in order."""
    return tuple(one for platform in platforms for one in _of(folder / f"{platform}.requests.jsonl", platform))


def _of(file: Path, platform: str) -> Iterator[Asked]:
    with file.open("rb") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry.get("token"):  # else no notification: Google's token endpoint, say
                yield _asked(entry, platform)


def _asked(entry: dict[str, Any], platform: str) -> Asked:
    status, reason = entry.get("status"), entry.get("reason")
    answer = str(entry.get("drop")) if status is None else f"{status} {reason or ''}".strip()
    moment = datetime.fromisoformat(entry["time"])
    return Asked(_mark(_parsed(entry.get("body"))), platform, entry["token"], answer, moment)


def _parsed(body: object) -> object:
    try:
        return json.loads(body) if isinstance(body, str) else None
    except ValueError:
        return None


def _mark(value: object) -> str:
    """The mark, wherever the platform puts a message's data."""
    if not isinstance(value, dict):
        return ""
    if isinstance(found := value.get(MARK), str):
        return found
    return next(filter(None, map(_mark, value.values())), "")
