"""What a backend hears on `reply_to` about its commands over AMQP."""

from typing import Literal

from pydantic import Field

from shared.flow.model import Travelling
from shared.flow.send import Problem


class CommandAnswer(Travelling):
    """What became of one command."""

    id: str = Field(description="the command's own id; one made for it if it had none that could be read")
    state: Literal["accepted", "valid", "rejected", "cancelled", "paused", "resumed", "replaced"] = Field(
        description="valid: it asked for `validate_only`, and would be accepted; the last four: what was ordered is so"
    )
    errors: tuple[Problem, ...] = Field(default=(), description="why it was rejected")
    duplicate: bool = Field(default=False, description="the same command had come before; this is what became of it")
    conflict: bool = Field(default=False, description="another command has used this id; nothing came of this one")


class CommandAnswers(Travelling):
    """What became of each command of a bundle, in its order."""

    v: Literal[1] = 1
    answers: tuple[CommandAnswer, ...]
