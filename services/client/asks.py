"""What to ask over HTTP and how to read the answer; pure, so that both clients are the same."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from services.client.errors import CarillonError, Refused, TryLater
from services.client.models import Accepted, Device, Outcome, Status
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.order import Wish
from shared.flow.send import Problem, SendRequest

T = TypeVar("T")
Json = dict[str, Any]
AFTER: Final = timedelta(seconds=2)
"""Where the answer does not say how long to wait."""
_PROBLEMS: Final = TypeAdapter(tuple[Problem, ...])


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One request. With `key` it may be repeated as often as one likes: it is worked once."""

    method: str
    path: str
    read: Callable[[Json], T]
    body: Json | None = None
    key: str | None = None
    safe: bool = False
    """It changes nothing, or the same if it is repeated."""

    @property
    def repeatable(self) -> bool:
        """Whether asking twice does no more than asking once."""
        return self.safe or self.key is not None or self.method != "POST"


def request_of(audience: Audience, message: Message | None, rest: dict[str, Any]) -> SendRequest:
    """The send; without a message it names a stored template among the rest."""
    said = {} if message is None else {"message": message}
    return SendRequest(audience=audience, **said, **rest)


def send(request: SendRequest, key: str) -> Ask[Accepted]:
    return Ask("POST", "/v1/sends", Accepted.model_validate, body_of(request), key)


def validate(request: SendRequest) -> Ask[None]:
    body = body_of(request) | {"validate_only": True}
    return Ask("POST", "/v1/sends", lambda _: None, body, safe=True)


def batch(requests: Sequence[SendRequest], key: str) -> Ask[list[Outcome]]:
    body = {"sends": [body_of(one) for one in requests]}
    return Ask("POST", "/v1/sends:batch", lambda told: [_outcome(one) for one in told["results"]], body, key)


def status(send: str) -> Ask[Status]:
    return Ask("GET", f"/v1/sends/{send}", Status.model_validate)


def order(send: str, wish: Wish) -> Ask[Status]:
    """Repeated it is one order, so it needs no key."""
    return Ask("POST", f"/v1/sends/{send}:{wish}", Status.model_validate, safe=True)


def replace(send: str, request: SendRequest) -> Ask[Status]:
    return Ask("PUT", f"/v1/sends/{send}", Status.model_validate, body_of(request))


def register(device: Json, key: str) -> Ask[Device]:
    return Ask("POST", "/v1/devices", Device.model_validate, device, key)


def change(device: str, said: Json) -> Ask[None]:
    return Ask("PUT", f"/v1/devices/{device}", lambda _: None, said)


def remove(device: str) -> Ask[None]:
    return Ask("DELETE", f"/v1/devices/{device}", lambda _: None)


def body_of(request: SendRequest) -> Json:
    """What was said, and no more."""
    return request.model_dump(mode="json", exclude_unset=True)


def answered(ask: Ask[T], status: int, content: bytes, retry_after: str | None) -> T:
    """What the answer says. Raises `Refused` or `TryLater`; `CarillonError` for an answer that is not Carillon's."""
    told = _json(content)
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        try:
            return ask.read(told)
        except (ValidationError, LookupError, TypeError) as error:
            message = f"the answer to {ask.method} {ask.path} is not Carillon's"
            raise CarillonError(message) from error
    detail = str(told.get("detail") or "no problem document")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else AFTER.total_seconds()
        raise TryLater(status, detail, timedelta(seconds=seconds))
    raise Refused(status, detail, _problems(told.get("errors", ())))


def _outcome(told: Json) -> Outcome:
    problem = told.get("problem") or {}
    sent = told.get("send")
    return Outcome(
        status=told["status"],
        send=Accepted.model_validate(sent) if told["status"] == HTTPStatus.ACCEPTED else None,
        problems=_problems(problem.get("errors", ())),
        detail=problem.get("detail", ""),
    )


def _problems(told: object) -> tuple[Problem, ...]:
    try:
        return _PROBLEMS.validate_python(told)
    except ValidationError:
        return ()


def _json(content: bytes) -> Json:
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
