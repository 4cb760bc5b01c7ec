"""Tells backends what became of chunks and sends: events on the topic exchange `feedback`, keys `<app>.<kind>`.

A message carries events of one app and kind, up to 100. Each event has an id that stays the same when it is told again;
nobody listening is no error.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field

from shared.bus.connection import Bus
from shared.bus.topology import FEEDBACK
from shared.flow.identity import attempt_of, split_send_key
from shared.flow.model import Travelling
from shared.flow.record import Part
from shared.flow.report import Report
from shared.flow.send import Problem

BUNDLE: Final = 100


class NotDelivered(Travelling):
    """One device of a chunk that was not delivered to; `device` is the id that its registration answered."""

    device: str
    outcome: str
    reason: str


class ChunkEvent(Travelling):
    """Kind `chunk`: what became of one chunk. What is neither counted here nor listed gets another attempt."""

    id: str
    send: str
    variant: str
    platform: str
    attempt: int
    matched: int
    outcomes: dict[str, dict[str, int]] = Field(description="notifications by outcome, then reason")
    not_delivered: tuple[NotDelivered, ...]


class SendEvent(Travelling):
    """Kind `send`: the end of a send: finished, with its report, or rejected, with its errors."""

    id: str
    send: str
    state: Literal["finished", "rejected"]
    report: Report | None = None
    errors: tuple[Problem, ...] = ()


class Events(Travelling):
    """One message on the exchange."""

    v: Literal[1] = 1
    kind: Literal["chunk", "send"]
    events: tuple[ChunkEvent | SendEvent, ...]


@dataclass(frozen=True, slots=True)
class Feedback:
    """Lives as long as the process. Every call returns when the broker has confirmed, or raises what the bus raises."""

    bus: Bus

    async def chunks(self, parts: Iterable[Part]) -> None:
        """These chunks have a record."""
        by_app: dict[str, list[ChunkEvent]] = defaultdict(list)
        for part in parts:
            by_app[part.app].append(chunk_event(part))
        for app, events in by_app.items():
            await self._tell(app, "chunk", events)

    async def finished(self, reports: Iterable[tuple[str, Report]]) -> None:
        """These sends, by key, have all their records."""
        by_app: dict[str, list[SendEvent]] = defaultdict(list)
        for key, report in reports:
            app, send = split_send_key(key)
            by_app[app].append(SendEvent(id=f"{send}/finished", send=send, state="finished", report=report))
        for app, events in by_app.items():
            await self._tell(app, "send", events)

    async def rejected(self, key: str, problems: tuple[Problem, ...]) -> None:
        """A send was refused as invalid."""
        app, send = split_send_key(key)
        await self._tell(app, "send", [SendEvent(id=f"{send}/rejected", send=send, state="rejected", errors=problems)])

    async def _tell(self, app: str, kind: Literal["chunk", "send"], events: Sequence[ChunkEvent | SendEvent]) -> None:
        for start in range(0, len(events), BUNDLE):
            bundle = Events(kind=kind, events=tuple(events[start : start + BUNDLE]))
            body = bundle.model_dump_json(exclude_none=True).encode()
            await self.bus.publish(FEEDBACK, f"{app}.{kind}", body, mandatory=False)


def chunk_event(part: Part) -> ChunkEvent:
    """A chunk as its backend reads it; the id is the member without the app."""
    outcomes: dict[str, dict[str, int]] = {}
    for count in part.counts:
        outcomes.setdefault(count.fate, {})[count.reason] = count.n
    return ChunkEvent(
        id=part.member.split(".", 1)[1],
        send=split_send_key(part.send)[1],
        variant=part.variant,
        platform=part.platform,
        attempt=attempt_of(part.member),
        matched=part.matched,
        outcomes=outcomes,
        not_delivered=tuple(
            NotDelivered(device=one.device.hex(), outcome=one.fate, reason=one.reason) for one in part.undelivered
        ),
    )
