"""Reads the client's journal: what it meant to send to whom, and what it was told about that."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Promise:
    """One send by its mark. `id` is known once it was promised; `refused` means that it was told: nothing is stored."""

    mark: str
    audience: Json = field(default_factory=dict)
    id: str = ""
    refused: bool = False


def read(journal: Path) -> dict[str, Promise]:
    """Every send by its mark, in the order in which they were meant."""
    found: dict[str, Promise] = {}
    with journal.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                _follow(found, json.loads(line))
    return found


def _follow(found: dict[str, Promise], line: Json) -> None:
    promise = found.setdefault(line["mark"], Promise(line["mark"]))
    match line["event"]:
        case "intended":
            promise.audience = line["audience"]
        case "promised":
            promise.id = line["id"]
        case "refused":
            promise.refused = True
        case _:  # no answer: it may be stored or not, and nothing was promised
            pass
