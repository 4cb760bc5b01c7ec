"""Tells backends: one event for each chunk and for each send, on the topic exchange `feedback`, keys `<app>.<what>`.

Each has an id of its own that stays the same when it is told again; nobody listening is no error.
"""

from dataclasses import dataclass
from typing import Any

from shared.bus.connection import Bus
from shared.bus.topology import FEEDBACK
from shared.flow.identity import split_send_key
from shared.flow.model import Travelling
from shared.flow.record import Part
from shared.flow.report import Report
from shared.flow.send import Problem


class ChunkEvent(Travelling):
    """`<app>.chunk`: what became of one chunk. Devices are listed by id, as registered; delivered ones are not."""

    v: int = 1
    id: str
    send: str
    variant: str
    platform: str
    attempt: int
    matched: int
    outcomes: dict[str, dict[str, int]]
    undelivered: tuple[dict[str, Any], ...]


class SendEvent(Travelling):
    """`<app>.send.finished` or `<app>.send.rejected`: the end of a send, with its report or its problems."""

    v: int = 1
    id: str
    send: str
    state: str
    report: Report | None = None
    errors: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Feedback:
    """Lives as long as the process."""

    bus: Bus

    async def chunk(self, part: Part) -> None:
        """One chunk has a record."""
        app, send = split_send_key(part.send)
        await self._tell(f"{app}.chunk", chunk_event(part, send))

    async def finished(self, key: str, report: Report) -> None:
        """A send has all its records."""
        app, send = split_send_key(key)
        event = SendEvent(id=f"{send}/finished", send=send, state="finished", report=report)
        await self._tell(f"{app}.send.finished", event)

    async def rejected(self, key: str, problems: tuple[Problem, ...]) -> None:
        """A send was refused as invalid."""
        app, send = split_send_key(key)
        event = SendEvent(id=f"{send}/rejected", send=send, state="rejected", errors=problems)
        await self._tell(f"{app}.send.rejected", event)

    async def _tell(self, key: str, event: ChunkEvent | SendEvent) -> None:
        body = event.model_dump_json(exclude_none=True).encode()
        await self.bus.publish(FEEDBACK, key, body, headers={"id": event.id}, mandatory=False)


def chunk_event(part: Part, send: str) -> ChunkEvent:
    """A chunk as its backend reads it; the id is the member without the app."""
    outcomes: dict[str, dict[str, int]] = {}
    for count in part.counts:
        outcomes.setdefault(count.fate, {})[count.reason] = count.n
    return ChunkEvent(
        id=part.member.split(".", 1)[1],
        send=send,
        variant=part.variant,
        platform=part.platform,
        attempt=1 + part.member.count("~"),
        matched=part.matched,
        outcomes=outcomes,
        undelivered=tuple(
            {"device": one.device.hex(), "outcome": str(one.fate), "reason": one.reason} for one in part.undelivered
        ),
    )
