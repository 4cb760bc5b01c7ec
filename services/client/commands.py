"""Commands over AMQP: their bytes, their signature, and how their answers are read; pure."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from services.client.composing import body_of, checked, refused
from services.client.errors import CarillonError, Refused
from shared.flow.answer import CommandAnswer
from shared.flow.audience import Audience
from shared.flow.order import Wish
from shared.flow.preview import Preview
from shared.flow.send import Problem, SendRequest
from shared.flow.size import LARGE, SMALL, too_large

SIGNATURE: Final = "carillon-signature"
MOST: Final = 1000
"""Commands in one message."""
TOO_LARGE: Final = frozenset(map(too_large, (SMALL, LARGE)))
AGAIN: Final = "said again with the same id it is one send"
ASK: Final = "ask again: nothing comes of a question"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says: its commands, and what its sender is told if nobody answers."""

    commands: tuple[Json, ...]
    what: str
    then: str
    key: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the commands, in their order."""
        return tuple(one["id"] for one in self.commands)

    def packed(self, app: str) -> bytes:
        """The body of the message: one command, or a bundle. Raises `Refused` for what no planner would read."""
        full = [{"v": 1, "app": app, **one} for one in self.commands]
        if not 1 <= len(full) <= MOST:
            raise refused([Problem(pointer="/commands", detail=f"a message has from 1 to {MOST:,} commands")])
        body = json.dumps(full[0] if len(full) == 1 else {"v": 1, "commands": full}).encode()
        if len(body) > LARGE:
            detail = too_large(LARGE)
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, [Problem(pointer="", detail=detail)])
        return body


def new_id() -> str:
    """An id for a command; a backend that has one of its own (an order's) had better use that."""
    return uuid.uuid4().hex


def app_of(secret: str) -> str:
    """The app that an app secret (`as_<app>_…`) is for. Raises `ValueError`."""
    prefix, _, rest = secret.partition("_")
    app = rest.partition("_")[0]
    if prefix != "as" or not app:
        message = "an app secret begins with as_"
        raise ValueError(message)
    return app


def sends(some: Sequence[tuple[str, SendRequest]]) -> Said:
    """Sends, each with its id."""
    then = f"it may have been taken, or may still be; {AGAIN}"
    return Said(tuple({"id": id_, **body_of(request)} for id_, request in some), "no answer to the send", then)


def order(send: str, wish: Wish, key: str | None) -> Said:
    """What is ordered of a send."""
    return _ordered({"id": send, "do": wish.value}, f"no answer to the order to {wish} the send", key)


def replacement(send: str, request: SendRequest, key: str | None) -> Said:
    """What a scheduled send is to be."""
    said = {"id": send, "do": "replace", **body_of(request)}
    return _ordered(said, "no answer to the order to replace the send", key)


def estimate(audience: Audience) -> Said:
    """The question how many devices an audience has."""
    said = {"id": new_id(), "do": "estimate", "audience": body_of(audience)}
    return Said((said,), "no answer to the estimate", ASK)


def preview(wanted: Preview) -> Said:
    """The question what a device would get."""
    return Said(({"id": new_id(), "do": "preview", **body_of(wanted)},), "no answer to the preview", ASK)


def signed(body: bytes, secret: str) -> str:
    """What the header says about this body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def answers_in(body: bytes) -> list[CommandAnswer]:
    """The answers of a message, in the order of the commands; fields of a newer server are passed over."""
    told = json.loads(body)
    return [CommandAnswer.model_validate(one, extra="ignore") for one in told.get("answers", [told])]


def accepted(answer: CommandAnswer) -> CommandAnswer:
    """The answer, if it is not a rejection. Raises `Refused`, with the status that HTTP has for it."""
    if answer.state != "rejected":
        return answer
    if not answer.errors:
        message = f"the answer to {answer.id} says neither yes nor why not"
        raise CarillonError(message)
    error = refused(list(answer.errors))
    status, detail = _status_of(answer), answer.errors[0].detail
    raise error if status == error.status else Refused(status, detail, answer.errors)


def ordered(answer: CommandAnswer) -> CommandAnswer:
    """The same of an order: what is wrong with `id` is that there is no such send."""
    if answer.state == "rejected" and not answer.conflict and [one.pointer for one in answer.errors] == ["/id"]:
        raise Refused(HTTPStatus.NOT_FOUND, answer.errors[0].detail, answer.errors)
    return accepted(answer)


def _status_of(answer: CommandAnswer) -> HTTPStatus:
    first = answer.errors[0]
    if answer.conflict or first.pointer == "/do":
        return HTTPStatus.CONFLICT
    if not first.pointer and first.detail in TOO_LARGE:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return HTTPStatus.UNPROCESSABLE_ENTITY


def _ordered(said: Json, what: str, key: str | None) -> Said:
    named = {} if checked(key) is None else {"key": key}
    again = f"ordered again with the key {key} it is carried out once" if key else "it may be ordered again"
    return Said((said | named,), what, f"it may have been carried out, or may still be; {again}", key)
