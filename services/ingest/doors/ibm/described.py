"""What the OpenAPI document says of this door: IBM's ways to say who asks, and its statuses as they really are."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from services.ingest.answers import JSON
from services.ingest.call import Endpoint
from services.ingest.dialect import Dialect
from services.ingest.doors.ibm import sent, subscriptions, tags
from services.ingest.doors.ibm.iam import Denial
from services.ingest.doors.ibm.refusing import Refusal
from services.ingest.doors.ibm.routes import ENDPOINTS, EXCHANGE

FORM: Final = "application/x-www-form-urlencoded"
_MEANINGS: Final = {
    HTTPStatus.BAD_REQUEST: "The body is no JSON, or a field or the query is wrong: `code` tells which, `errors` names "
    "each field by JSON pointer; nothing was stored",
    HTTPStatus.UNAUTHORIZED: "No secret or token, or none of the app that the path names",
    HTTPStatus.FORBIDDEN: "This is for backends: an `appSecret` or a token is needed",
    HTTPStatus.NOT_FOUND: "There is no such thing in this app",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time",
    HTTPStatus.CONFLICT: "It is there already, or the Idempotency-Key stands for another request",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is no plain application/json",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Our fault",
    HTTPStatus.SERVICE_UNAVAILABLE: "Ask again; nothing was stored, unless the type says that the outcome is unknown",
}
_PARAMETERS: Final = {
    "app": "the app's id, which is its GUID to IBM's clients; `<app>.<variant>` for one of its variants",
    "message": "the `messageId` that its sending answered",
    "device": "what the app called the device when it registered it, or our own id of it",
    "subscription": "the `subscriptionId` of an answer",
    "tag": "the tag's name",
}
_NAMING_NOTHING: Final = (sent.show_all, tags.create, tags.show_all)
"""All they name is the app: without it nobody is let in."""


def _security(endpoint: Endpoint) -> Sequence[str]:
    return ["appSecret", *(["clientSecret"] if "client" in endpoint.access else []), "ibmBearer"]


def _refusals(endpoint: Endpoint) -> Sequence[HTTPStatus]:
    """IBM answers 400 where 422 is ours; what an app may ask is forbidden to nobody, but the listing of all."""
    statuses = set(endpoint.refusals)
    if HTTPStatus.UNPROCESSABLE_ENTITY in statuses:
        statuses = statuses - {HTTPStatus.UNPROCESSABLE_ENTITY} | {HTTPStatus.BAD_REQUEST}
    if "client" in endpoint.access and endpoint.handler is not subscriptions.show_all:
        statuses -= {HTTPStatus.FORBIDDEN}
    if endpoint.handler in _NAMING_NOTHING:
        statuses -= {HTTPStatus.NOT_FOUND}
    return sorted(statuses)


def _not_granted(_: Endpoint) -> Sequence[HTTPStatus]:
    return (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )


IBM: Final = Dialect(
    endpoints=ENDPOINTS,
    schemes={
        "appSecret": {"type": "apiKey", "in": "header", "name": "appSecret", "description": "an app's app secret"},
        "clientSecret": {
            "type": "apiKey", "in": "header", "name": "clientSecret", "description": "an app's client secret",
        },
        "ibmBearer": {
            "type": "http", "scheme": "bearer",
            "description": "a token of `POST /identity/token`, or the secret itself",
        },
    },
    security=_security,
    refusal=Refusal,
    media_type=JSON,
    refusals=_refusals,
    meanings=_MEANINGS,
    parameters=_PARAMETERS,
    named_by={"device": "deviceId", "message": "messageId", "subscription": "subscriptionId", "tag": "name"},
    prefix="Ibm",
)  # fmt: skip
IAM: Final = Dialect(
    endpoints=(EXCHANGE,),
    schemes={},
    security=lambda _: (),
    refusal=Denial,
    media_type=JSON,
    refusals=_not_granted,
    meanings={
        HTTPStatus.BAD_REQUEST: "The form lacks something, or there is no such API key: `errorCode` tells which",
        HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
        HTTPStatus.INTERNAL_SERVER_ERROR: "Our fault",
        HTTPStatus.SERVICE_UNAVAILABLE: "Ask again",
    },
    takes=FORM,
    repeatable=False,
    prefix="Iam",
)
DIALECTS: Final = (IBM, IAM)
