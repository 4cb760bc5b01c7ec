"""What people are shown of dead letters: where from, why, when and which ids; never what a send says. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from shared.bus.dead import DeadLetter

IDS: Final = frozenset({"app", "id", "send", "sends", "slices", "record", "members", "again", "lane", "commands"})
"""Fields whose strings name things of ours, in messages of ours and in commands."""
WIDEST: Final = 60
SHOWN: Final = 3
LONGEST: Final = 50
BY_KEY: Final = "small"
"""A mapping whose keys are the ids of sends."""


def listed(letters: Sequence[DeadLetter]) -> list[str]:
    """A line of counts for each queue and reason, then every letter, in columns."""
    counts = Counter((one.queue, one.reason) for one in letters)
    rows = [("id", "queue", "reason", "since", "bytes", "names")] if letters else []
    for one in letters:
        since = one.at.isoformat(timespec="seconds") if one.at else "-"
        rows.append((one.id, one.queue, one.reason, since, f"{len(one.body):,}", names(one.body)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    said = [f"{n:,} from {queue}: {reason}" for (queue, reason), n in counts.most_common()]
    return [*said, *(_line(row, widths) for row in rows), f"{len(letters):,} in all"]


def described(letter: DeadLetter) -> str:
    """One letter as JSON: of its headers the names, of its body the shape and the ids."""
    said = {
        "id": letter.id, "queue": letter.queue, "reason": letter.reason,
        "since": letter.at.isoformat() if letter.at else None, "headers": sorted(letter.headers),
        "bytes": len(letter.body), "body": outline(letter.body),
    }  # fmt: skip
    return json.dumps(said, indent=2)


def names(body: bytes) -> str:
    """The first ids that a body holds; its beginning as hex digits if it is no JSON."""
    try:
        found = list(dict.fromkeys(_ids(json.loads(body))))
    except (ValueError, RecursionError):
        return f"not JSON: {body[:8].hex(' ')}"
    more = f" +{len(found) - SHOWN}" if len(found) > SHOWN else ""
    return " ".join(one[:WIDEST] for one in found[:SHOWN]) + more


def outline(body: bytes) -> Any:
    """The body as JSON, every string and number that is no id of ours replaced by its kind; None if it is no JSON."""
    try:
        return _outlined(json.loads(body), "", ours=True)
    except (ValueError, RecursionError):
        return None


def _ids(value: Any, name: str = "") -> Iterable[str]:
    """Only what is named as ours from the top down: a sender's own data may have an `id` too."""
    if isinstance(value, str) and name in IDS:
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _ids(one, name)
    elif isinstance(value, dict):
        yield from value if name == BY_KEY else ()
        for inner, one in value.items():
            if inner in IDS or inner == BY_KEY:
                yield from _ids(one, inner)


def _outlined(value: Any, name: str, *, ours: bool) -> Any:
    if isinstance(value, dict):
        some = list(value.items())[:LONGEST]
        return {inner: _outlined(one, inner, ours=ours and (not name or name in IDS)) for inner, one in some}
    if isinstance(value, list):
        return [_outlined(one, name, ours=ours) for one in value[:LONGEST]]
    if value is None or isinstance(value, bool) or (ours and name in IDS and isinstance(value, str)):
        return value[:WIDEST] if isinstance(value, str) else value
    return f"<{len(value)} characters>" if isinstance(value, str) else f"<{type(value).__name__}>"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
