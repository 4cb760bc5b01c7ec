"""Reads the simulated providers' logs: for each send and device how often it was accepted, and what else was said."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tests.chaos.checker.population import Place

MARK: Final = "chaos"
"""The key of the message's data that says which send a request belongs to."""
ACCEPTED: Final = 200
GONE: Final = ("Unregistered", "ExpiredToken", "UNREGISTERED")
PERMANENT: Final = ("BadDeviceToken", "DeviceTokenNotForTopic", "INVALID_ARGUMENT", "SENDER_ID_MISMATCH")


@dataclass(slots=True)
class Answers:
    """What a provider decided about one notification: when it accepted it, and how often it refused it for good."""

    accepted: list[datetime] = field(default_factory=list)
    gone: int = 0
    rejected: int = 0
    other: int = 0

    @property
    def final(self) -> bool:
        return bool(self.accepted or self.gone or self.rejected)


@dataclass(frozen=True, slots=True)
class Ledger:
    """By mark, then place; and every moment at which something was accepted, by platform, in order."""

    sends: dict[str, dict[Place, Answers]]
    accepted: dict[str, list[datetime]]


def read(folder: Path, platforms: tuple[str, ...] = ("apns", "fcm")) -> Ledger:
    """All of both logs."""
    ledger = Ledger({}, {})
    for platform in platforms:
        moments = ledger.accepted.setdefault(platform, [])
        for entry in _lines(folder / f"{platform}.requests.jsonl"):
            _enter(ledger.sends, platform, entry, moments)
        moments.sort()
    return ledger


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if not file.exists():
        return
    with file.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _enter(
    sends: dict[str, dict[Place, Answers]], platform: str, entry: dict[str, Any], moments: list[datetime]
) -> None:
    mark = _mark(entry.get("body")) if entry.get("token") else ""
    if not mark:  # no notification of ours: Google's token endpoint, or another case's
        return
    answers = sends.setdefault(mark, {}).setdefault((platform, entry["token"]), Answers())
    status, reason = entry.get("status"), entry.get("reason") or ""
    if status == ACCEPTED and not reason:
        answers.accepted.append(moment := datetime.fromisoformat(entry["time"]))
        moments.append(moment)
    elif entry.get("drop"):  # a refusal that nobody heard changes nothing
        answers.other += 1
    elif reason in GONE:
        answers.gone += 1
    elif reason in PERMANENT:
        answers.rejected += 1
    else:
        answers.other += 1


def _mark(body: object) -> str:
    """Wherever the platform puts a message's data; bodies are long, so this looks without parsing."""
    text = body if isinstance(body, str) else json.dumps(body)
    _, found, rest = text.partition(f'"{MARK}"')
    return rest.split('"', 2)[1] if found else ""
