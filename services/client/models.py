"""What the API answers about sends, as the client gives it; fields of a newer server are passed over."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.flow.lane import Lane
from shared.flow.order import Order
from shared.flow.report import Report, State
from shared.flow.send import Problem, Route


class Answer(BaseModel):
    """The base of them all."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Accepted(Answer):
    """A send that is stored: whatever happens now, it will be worked. `begins_at`: if it is scheduled."""

    id: str
    state: Literal["accepted"]
    lane: Lane
    accepted_at: datetime
    begins_at: datetime | None = None
    deadline: datetime


class Valid(Answer):
    """A send that would be accepted now, for these variants; nothing was stored."""

    state: Literal["valid"]
    lane: Lane
    variants: tuple[Route, ...]


class Line(Answer):
    """A send as lists have it.

    `order`: `paused` or `cancelled`, if that was ordered, and `order_why` is `canary` if too many of its sample failed.
    """

    id: str
    state: State
    lane: Lane
    source: Literal["http", "amqp"] = "http"
    accepted_at: datetime
    begins_at: datetime | None = None
    deadline: datetime
    dry_run: bool = False
    order: Order | None = None
    order_why: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ("finished", "rejected")


class Status(Line):
    """A send and what became of it; `problems`: why it was rejected, if it was."""

    problems: tuple[Problem, ...] = ()
    report: Report


class Sends(Answer):
    """A page of sends, newest first; `next` is what the next page comes `after`."""

    sends: tuple[Line, ...]
    next: str | None = None


class Outcome(Answer):
    """What became of one send of a batch, by the status that it would have got alone: 202, 200 (valid), or why not.

    A `status` of 500 and more is left only when every try failed: the batch, said again with its key, goes on there.
    """

    status: int
    send: Accepted | None = None
    valid: Valid | None = None
    problems: tuple[Problem, ...] = ()
    detail: str = ""


class Device(Answer):
    """A device that was registered."""

    id: str
    variant: str
    platform: str


class TemplateLine(Answer):
    """One version of a stored template."""

    name: str
    version: int
    created_at: datetime


class Templates(Answer):
    """A page of templates, the latest version of each, by name."""

    templates: tuple[TemplateLine, ...]
    next: str | None = None
