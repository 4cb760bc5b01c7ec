"""What the API answers, as the client gives it; fields of a newer server are passed over."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.flow.lane import Lane
from shared.flow.report import Report, State
from shared.flow.send import Problem


class Answer(BaseModel):
    """The base of them all."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Accepted(Answer):
    """A send that is stored: whatever happens now, it will be worked."""

    id: str
    state: Literal["accepted"]
    lane: Lane
    accepted_at: datetime
    deadline: datetime


class Status(Answer):
    """A send and what became of it."""

    id: str
    state: State
    lane: Lane
    accepted_at: datetime
    deadline: datetime
    dry_run: bool = False
    problems: tuple[Problem, ...] = ()
    report: Report

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ("finished", "rejected")


class Outcome(Answer):
    """What became of one send of a batch."""

    status: int
    send: Accepted | None = None
    problems: tuple[Problem, ...] = ()
    detail: str = ""


class Device(Answer):
    """A device that was registered."""

    id: str
    variant: str
    platform: str
