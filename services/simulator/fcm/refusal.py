"""Google's own error bodies: every answer of the messaging API that is not a success, one function each.

Shapes: the protocol reference, B.9. A refusal is a value; the checks return it, the answer renders it.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

Detail = dict[str, Any]

TYPE = "type.googleapis.com"
FCM_ERROR = f"{TYPE}/google.firebase.fcm.v1.FcmError"
APNS_ERROR = f"{TYPE}/google.firebase.fcm.v1.ApnsError"
BAD_REQUEST = f"{TYPE}/google.rpc.BadRequest"
QUOTA_FAILURE = f"{TYPE}/google.rpc.QuotaFailure"
ERROR_INFO = f"{TYPE}/google.rpc.ErrorInfo"

STATUS_OF = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}

# What Google's front end says with each code when nothing more is known.
MESSAGE_OF = {
    "INVALID_ARGUMENT": "Request contains an invalid argument.",
    "UNAUTHENTICATED": "Request had invalid authentication credentials.",
    "PERMISSION_DENIED": "The caller does not have permission",
    "NOT_FOUND": "Requested entity was not found.",
    "RESOURCE_EXHAUSTED": "Resource has been exhausted (e.g. check quota).",
    "INTERNAL": "Internal error encountered.",
    "UNAVAILABLE": "The service is currently unavailable.",
}

# The canonical code that goes with each FcmError code (the protocol reference, B.3).
STATE_OF_FCM_CODE = {
    "INVALID_ARGUMENT": "INVALID_ARGUMENT",
    "THIRD_PARTY_AUTH_ERROR": "UNAUTHENTICATED",
    "APNS_AUTH_ERROR": "UNAUTHENTICATED",
    "SENDER_ID_MISMATCH": "PERMISSION_DENIED",
    "UNREGISTERED": "NOT_FOUND",
    "QUOTA_EXCEEDED": "RESOURCE_EXHAUSTED",
    "INTERNAL": "INTERNAL",
    "UNAVAILABLE": "UNAVAILABLE",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error; `state` is the google.rpc code's name. `html` is a front end's page instead of JSON."""

    status: int
    state: str
    message: str
    details: tuple[Detail, ...] = ()
    retry_after: str | None = None
    html: bool = False
    challenge: str | None = None  # WWW-Authenticate

    @property
    def code(self) -> str:
        """The word for the log: the FcmError code, else the canonical code, else HTML."""
        if self.html:
            return "HTML"
        return next((str(d["errorCode"]) for d in self.details if d["@type"] == FCM_ERROR), self.state)

    def headers(self) -> tuple[tuple[str, str], ...]:
        kind = "text/html; charset=UTF-8" if self.html else "application/json; charset=UTF-8"
        named = (("content-type", kind), ("retry-after", self.retry_after), ("www-authenticate", self.challenge))
        return tuple((name, value) for name, value in named if value is not None)

    def body(self) -> bytes:
        if self.html:
            return _page(self.status).encode()
        error: dict[str, Any] = {"code": self.status, "message": self.message, "status": self.state}
        if self.details:
            error["details"] = list(self.details)
        return json.dumps({"error": error}, ensure_ascii=False).encode()

    def after(self, seconds: float | None) -> "Refusal":
        """The same refusal with `Retry-After` in whole seconds, rounded up; None leaves the header out."""
        return replace(self, retry_after=None if seconds is None else str(max(1, -int(-seconds // 1))))


def refusal(state: str, message: str | None = None, *details: Detail, status: int | None = None) -> Refusal:
    text = message if message is not None else MESSAGE_OF.get(state, state)
    return Refusal(status or STATUS_OF.get(state, 500), state, text, details)


def fcm_error(code: str) -> Detail:
    return {"@type": FCM_ERROR, "errorCode": code}


def apns_error(status: int, reason: str) -> Detail:
    return {"@type": APNS_ERROR, "statusCode": status, "reason": reason}


def error_info(reason: str, domain: str, **metadata: str) -> Detail:
    return {"@type": ERROR_INFO, "reason": reason, "domain": domain, "metadata": metadata}


def bad_request(violations: list[tuple[str, str]], *more: Detail) -> Refusal:
    """400 with one `fieldViolation` for each (field, description); Google joins the texts line by line."""
    listed = [{"field": field, "description": text} if field else {"description": text} for field, text in violations]
    violated = {"@type": BAD_REQUEST, "fieldViolations": listed}
    return refusal("INVALID_ARGUMENT", "\n".join(text for _, text in violations), violated, *more)


def invalid_message(text: str, field: str = "") -> Refusal:
    """400 from the messaging service itself: FcmError, and the field where one is to blame."""
    if field:
        return bad_request([(field, text)], fcm_error("INVALID_ARGUMENT"))
    return refusal("INVALID_ARGUMENT", text, fcm_error("INVALID_ARGUMENT"))


def quota(text: str, subject: str) -> Refusal:
    """429; `subject` names what ran out: `project:…`, `device:…` or `topic:…`."""
    failure = {"@type": QUOTA_FAILURE, "violations": [{"subject": subject, "description": text}]}
    return refusal("RESOURCE_EXHAUSTED", text, fcm_error("QUOTA_EXCEEDED"), failure)


def html(status: int) -> Refusal:
    """A front end's page where a client hopes for JSON."""
    return Refusal(status, f"HTML_{status}", "", html=True)


PAGES = {
    404: ("Not Found", "The requested URL was not found on this server."),
    413: ("Request Entity Too Large", "Your client issued a request that was too large."),
    502: ("Server Error", "The server encountered a temporary error and could not complete your request."),
    503: ("Service Unavailable", "The service you requested is not available at this time."),
}


def _page(status: int) -> str:
    title, text = PAGES.get(status, ("Server Error", "The server encountered an error."))
    return (
        f"<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Error {status} ({title})!!1</title>\n"
        f"<p><b>{status}.</b> <ins>That&#39;s an error.</ins>\n<p>{text} <ins>That&#39;s all we know.</ins>\n"
    )
