"""What the OpenAPI document says in words and of what no model describes: statuses, headers, parameters, health."""

from http import HTTPStatus
from typing import Final

from services.ingest.repeats import HEADER, KEY, REPLAYED
from shared.contract.schemas import Schema

KEYS: Final = {
    "admin": "the operator's key: apps and variants",
    "app": "an app's secret for its backends: sends and devices",
    "client": "an app's secret for the app itself: register, change and remove its own device",
}
MADE: Final = (HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
BASIC: Final = "an app's secret as the password, for senders that are made for another server"
TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
MEANINGS: Final = {
    HTTPStatus.BAD_REQUEST: "The body is no JSON, or a header cannot be read",
    HTTPStatus.UNAUTHORIZED: "No key, or one that is not known",
    HTTPStatus.FORBIDDEN: "A key of another kind is needed",
    HTTPStatus.NOT_FOUND: "There is no such thing in this app",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time",
    HTTPStatus.CONFLICT: "The name is in use, or the Idempotency-Key stands for another request",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is no plain application/json, or what the path takes",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A field is wrong; `errors` names each by JSON pointer; nothing was stored",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Our fault",
    HTTPStatus.SERVICE_UNAVAILABLE: "Nothing was stored: ask again, unless the type says that the outcome is unknown",
}
PATH_PARAMETERS: Final = {
    "app": "the app's id",
    "kind": "which secret: `app` or `client`",
    "variant": "the variant's id",
    "device": "the device's id, 24 hexadecimal digits, as its registration answered",
    "send": "the send's id",
    "template": "the template's name",
    "segment": "the segment's name",
    "webhook": "the webhook's id",
    "user": "the user, in the backend's words",
    "erasure": "the erasure's id",
    "token": "the device's token",
    "message": "what the app found under `aerogear-push-id`",
}
NAMED_BY: Final = {"template": "name", "segment": "name"}
"""What of the answer to its making names a thing; everything else has an `id`."""
IDEMPOTENCY: Final[Schema] = {
    "name": HEADER.title(),
    "in": "header",
    "required": False,
    "description": "a key of the caller's making, for a day: the same key and request get the first answer again, "
    "another request with it gets 409",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{KEY.pattern}$"},
}
REPLAY: Final[Schema] = {
    REPLAYED.title(): {
        "description": "`true` on the first answer given again to the same Idempotency-Key",
        "schema": {"const": "true"},
    }
}
READY: Final[Schema] = {
    "type": "object",
    "properties": {
        "ready": {"type": "boolean"},
        "draining": {"type": "boolean"},
        "checks": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "ok": {"type": "boolean"},
                    "seconds": {"type": "number"},
                    "error": {"type": "string"},
                },
                "required": ["ok", "seconds"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["ready", "draining", "checks"],
    "additionalProperties": False,
}
VERSIONED: Final[Schema] = {
    "type": "object",
    "properties": {"version": {"type": "string"}},
    "required": ["version"],
    "additionalProperties": False,
}
