"""Reads a command that makes no send: an order about a send of before, or a question. Pure."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from services.planner.unpacking import Raw
from shared.flow.estimate import EstimateCommand
from shared.flow.identity import SEND_ID
from shared.flow.preview import PreviewCommand
from shared.flow.send import OrderCommand, Problem, ReplaceCommand
from shared.flow.size import SMALL, too_large
from shared.providers.registry import problems_of

Asked = OrderCommand | ReplaceCommand | EstimateCommand | PreviewCommand
MODELS: Final[dict[str, type[Asked]]] = {
    "replace": ReplaceCommand, "estimate": EstimateCommand, "preview": PreviewCommand,
}  # fmt: skip
"""By what is to be done; all else is an order."""


@dataclass(frozen=True, slots=True)
class Told:
    """One command of a message that makes no send: what it asks for, or what is wrong with it."""

    id: str
    app: str
    asked: Asked | None
    mark: str
    """Of its text: tells it apart from others about the same send."""
    problems: tuple[Problem, ...] = ()


def told(app: str, raw: Raw) -> Told:
    """What is asked for."""
    do = raw.said["do"]
    model = MODELS.get(do, OrderCommand) if isinstance(do, str) else OrderCommand
    try:
        asked = model.model_validate_json(raw.text, strict=True)
    except ValidationError as error:
        return Told(id_for(raw.said, raw.mark), app, None, raw.mark, tuple(problems_of(error)))
    if (most := _limit_broken(asked, raw)) is not None:
        return Told(asked.id, app, None, raw.mark, (Problem(pointer="", detail=too_large(most)),))
    return Told(asked.id, app, asked, raw.mark)


def _limit_broken(asked: Asked, raw: Raw) -> int | None:
    """As over HTTP."""
    if isinstance(asked, ReplaceCommand):
        return raw.limit_broken(asked)
    return SMALL if isinstance(asked, PreviewCommand) and raw.larger_than(SMALL) else None


def id_for(raw: dict[str, Any], mark: str) -> str:
    """The id under which a rejected command is stored: its own, or one that follows from its content."""
    given = raw.get("id")
    return given if isinstance(given, str) and SEND_ID.fullmatch(given) else f"rejected-{mark}"
