"""Reads what a command orders of a send of before: to be called off, to wait, to go on, or to be replaced. Pure."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from shared.flow.identity import SEND_ID
from shared.flow.order import Wish
from shared.flow.send import OrderCommand, Problem, ReplaceCommand, SendRequest
from shared.providers.registry import problems_of

REPLACE: Final = "replace"


@dataclass(frozen=True, slots=True)
class Told:
    """One command of a message that is about a send of before: what is wished of it, or what is wrong with that."""

    id: str
    app: str
    wish: Wish | SendRequest | None
    """A request: what the send is to be replaced by."""
    mark: str
    """Of its bytes: tells it apart from others about the same send."""
    problems: tuple[Problem, ...] = ()


def told(app: str, raw: dict[str, Any]) -> Told:
    """What is ordered of a send of before."""
    text = json.dumps(raw, sort_keys=True)
    print_ = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    model = ReplaceCommand if raw["do"] == REPLACE else OrderCommand
    try:
        order = model.model_validate_json(text, strict=True)
    except ValidationError as error:
        return Told(id_for(raw, print_), app, None, print_, tuple(problems_of(error)))
    return Told(order.id, app, order.do if isinstance(order, OrderCommand) else order.request(), print_)


def id_for(raw: dict[str, Any], print_: str) -> str:
    """The id under which a rejected command is stored: its own, or one that follows from its content."""
    given = raw.get("id")
    return given if isinstance(given, str) and SEND_ID.fullmatch(given) else f"rejected-{print_}"
