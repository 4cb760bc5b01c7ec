"""What to ask over HTTP about sends, before and while they go on; pure, so that both clients are the same."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from services.client.ask import Ask, Json, problems_in, reader
from services.client.composing import body_of, checked
from services.client.models import Accepted, Outcome, Sends, Status, Valid
from shared.flow.audience import Audience
from shared.flow.estimate import EstimateView
from shared.flow.order import Wish
from shared.flow.preview import Preview, PreviewView
from shared.flow.send import SendRequest

PAGE: Final = "200"
_ACCEPTED: Final = reader(Accepted)
_VALID: Final = reader(Valid)
_STATUS: Final = reader(Status)


def send(request: SendRequest, key: str) -> Ask[Accepted]:
    return Ask("POST", "/v1/sends", _ACCEPTED, body_of(request), checked(key))


def validate(request: SendRequest) -> Ask[Valid]:
    body = body_of(request) | {"validate_only": True}
    return Ask("POST", "/v1/sends", _VALID, body, safe=True)


def batch(requests: Sequence[SendRequest], key: str) -> Ask[list[Outcome]]:
    body = {"sends": [body_of(one) for one in requests]}
    return Ask("POST", "/v1/sends:batch", _outcomes, body, checked(key), partly=_open)


def status(send: str) -> Ask[Status]:
    return Ask("GET", path_of(send), _STATUS)


def order(send: str, wish: Wish, key: str | None = None) -> Ask[Status]:
    """Repeated at once it is one order; with a key also when another was given in between."""
    return Ask("POST", f"{path_of(send)}:{wish}", _STATUS, key=checked(key), safe=True)


def replace(send: str, request: SendRequest) -> Ask[Status]:
    return Ask("PUT", path_of(send), _STATUS, body_of(request))


def estimate(audience: Audience) -> Ask[EstimateView]:
    return Ask("POST", "/v1/audiences:estimate", reader(EstimateView), {"audience": body_of(audience)}, safe=True)


def preview(wanted: Preview) -> Ask[PreviewView]:
    return Ask("POST", "/v1/templates:preview", reader(PreviewView), body_of(wanted), safe=True)


def page_of_sends(after: str | None) -> Ask[Sends]:
    return Ask("GET", "/v1/sends", reader(Sends), query={"limit": PAGE} | ({"after": after} if after else {}))


def path_of(send: str) -> str:
    """Whatever it is, it is one segment of the path."""
    return f"/v1/sends/{quote(send, safe='')}"


def _outcomes(told: Json) -> list[Outcome]:
    return [_outcome(one) for one in told["results"]]


def _outcome(told: Json) -> Outcome:
    problem = told.get("problem") or {}
    status = told["status"]
    return Outcome(
        status=status,
        send=_ACCEPTED(told["send"]) if status == HTTPStatus.ACCEPTED else None,
        valid=_VALID(told["send"]) if status == HTTPStatus.OK else None,
        problems=problems_in(problem.get("errors", ())),
        detail=problem.get("detail", ""),
    )


def _open(outcomes: list[Outcome]) -> bool:
    return any(one.status >= HTTPStatus.INTERNAL_SERVER_ERROR for one in outcomes)
