"""What backends are told of their sends: events on the topic exchange `feedback`, with keys `<app>.<kind>`."""

from typing import Literal

from pydantic import Field

from shared.flow.model import Travelling
from shared.flow.report import Report
from shared.flow.send import Problem


class NotDelivered(Travelling):
    """One device of a chunk that was not delivered to; `device` is the id that its registration answered."""

    device: str
    outcome: str
    reason: str


class ChunkEvent(Travelling):
    """Kind `chunk`: what became of one chunk. What is neither counted here nor listed gets another attempt."""

    id: str = Field(description="stays the same when the event is told again")
    send: str
    variant: str
    platform: str
    attempt: int
    matched: int
    outcomes: dict[str, dict[str, int]] = Field(description="notifications by outcome, then reason")
    not_delivered: tuple[NotDelivered, ...]
    dry_run: bool = Field(default=False, description="nobody was reached")
    delivered: tuple[str, ...] | None = Field(default=None, description="devices, of a send with `receipts: all`")


class SendEvent(Travelling):
    """Kind `send`: a send is finished, with its report, or rejected, with its errors, or was paused by itself."""

    id: str = Field(description="stays the same when the event is told again")
    send: str
    state: Literal["finished", "rejected", "paused"]
    report: Report | None = None
    why: str | None = Field(default=None, description="why it was paused: `canary`")
    errors: tuple[Problem, ...] = ()


class Events(Travelling):
    """One message on the exchange: events of one app and one kind."""

    v: Literal[1] = 1
    kind: Literal["chunk", "send"]
    events: tuple[ChunkEvent | SendEvent, ...]
