"""Commands over AMQP: their bytes, their signature, and how their answers are read; pure."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from typing import Any, Final

from services.client.asks import body_of
from shared.flow.answer import CommandAnswer
from shared.flow.send import SendRequest

SIGNATURE: Final = "carillon-signature"


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


def packed(app: str, commands: Sequence[tuple[str, SendRequest]]) -> bytes:
    """The body of a message: one command with its id, or a bundle of up to 1,000."""
    full: list[dict[str, Any]] = [{"v": 1, "app": app, "id": id_, **body_of(request)} for id_, request in commands]
    return json.dumps(full[0] if len(full) == 1 else {"v": 1, "commands": full}).encode()


def signed(body: bytes, secret: str) -> str:
    """What the header says about this body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def answers_in(body: bytes) -> list[CommandAnswer]:
    """The answers of a message, in the order of the commands."""
    told = json.loads(body)
    return [CommandAnswer.model_validate_json(json.dumps(_known(one))) for one in told.get("answers", [told])]


def _known(answer: dict[str, Any]) -> dict[str, Any]:
    """Without the fields of a newer server."""
    return {name: value for name, value in answer.items() if name in CommandAnswer.model_fields}
