"""What a backend hears on `reply_to` about its commands over AMQP."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.flow.estimate import EstimateView
from shared.flow.lane import Lane
from shared.flow.model import Travelling
from shared.flow.preview import PreviewView
from shared.flow.send import Problem, Route

CommandState = Literal[
    "accepted", "valid", "rejected", "cancelled", "paused", "resumed", "replaced", "estimated", "previewed"
]


class CommandAnswer(Travelling):
    """What became of one command."""

    id: str = Field(description="the command's own id; one made for it if it had none that could be read")
    state: CommandState = Field(
        description="valid: it asked for `validate_only`, and would be accepted; cancelled, paused, resumed, replaced: "
        "what was ordered is so; estimated, previewed: the answer is in the field of that name"
    )
    errors: tuple[Problem, ...] = Field(default=(), description="why it was rejected")
    duplicate: bool = Field(default=False, description="the same command had come before; this is what became of it")
    conflict: bool = Field(
        default=False, description="another command has used this id, or key; nothing came of this one"
    )
    lane: Lane | None = Field(default=None, description="of a send that is accepted, or valid")
    accepted_at: datetime | None = Field(default=None, description="when the send was stored")
    begins_at: datetime | None = Field(default=None, description="when it will begin, if it is scheduled")
    deadline: datetime | None = Field(default=None, description="nothing of the send is delivered after this")
    variants: tuple[Route, ...] = Field(default=(), description="of a valid one: what it would go to")
    estimate: EstimateView | None = Field(default=None, description="what was asked for by `estimate`")
    preview: PreviewView | None = Field(default=None, description="what was asked for by `preview`")

    def said(self) -> dict[str, Any]:
        """As it is published: without what it does not say."""
        told = self.model_dump(mode="json", exclude_defaults=True)
        if self.estimate is not None:
            told["estimate"] = self.estimate.model_dump(mode="json")
        return told


class CommandAnswers(Travelling):
    """What became of each command of a bundle, in its order."""

    v: Literal[1] = 1
    answers: tuple[CommandAnswer, ...]
