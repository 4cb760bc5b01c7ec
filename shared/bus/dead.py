"""Reads dead letters: where each came from, why and when, by our own headers or else by the broker's. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from shared.bus.incoming import SENT_AT, Incoming

REASON: Final = "reason"
QUEUE: Final = "queue"
DEATHS: Final = "x-death"
KEPT: Final = 32
LONGEST: Final = 1024
"""Bytes, not characters: of those 32 times 1,024 are a whole frame (128 KiB)."""
OF_DEATH: Final = frozenset({REASON, QUEUE, SENT_AT, "send"})
"""Headers that a message had not when it was alive; nor those that the broker writes (`x-…`)."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that nobody could process. `id` names it among the dead letters for as long as it lies there."""

    id: str
    queue: str
    reason: str
    at: datetime | None
    body: bytes
    headers: Mapping[str, str | int]
    """Those that it had when it was alive."""
    correlation_id: str | None = None


def dead_letter(incoming: Incoming) -> DeadLetter:
    """A delivery from the queue of dead letters. What we bury says so itself, and the key is the queue it came from;
    what the broker moved has its last death at the head of a list (RabbitMQ, Dead Letter Exchanges, "Effects").
    """
    last = _last_death(incoming.headers)
    own = incoming.headers
    when = last.get("time")
    return DeadLetter(
        id=incoming.message_id or "",
        queue=str(own.get(QUEUE) or last.get("queue") or incoming.routing_key),
        reason=str(own.get(REASON) or last.get("reason") or "unknown"),
        at=when.astimezone(UTC) if isinstance(when, datetime) else incoming.timestamp,
        body=incoming.body,
        headers=kept({name: own[name] for name in own if name not in OF_DEATH and not name.startswith("x-")}),
        correlation_id=incoming.correlation_id,
    )


def kept(headers: Mapping[str, object]) -> dict[str, str | int]:
    """Headers that a message takes along to the dead letters: what it needs to be replayed, and never so much that with
    ours beside them they would not go into a frame, which the broker answers by ending the connection.
    """
    short = {
        name: value
        for name, value in headers.items()
        if (isinstance(value, str) and len(value.encode(errors="replace")) <= LONGEST)
        or (isinstance(value, int) and abs(value) < 2**63)
    }
    return dict(list(short.items())[:KEPT])


def _last_death(headers: Mapping[str, object]) -> Mapping[str, Any]:
    deaths = headers.get(DEATHS)
    if isinstance(deaths, Sequence) and deaths and isinstance(deaths[0], Mapping):
        return deaths[0]
    return {}
