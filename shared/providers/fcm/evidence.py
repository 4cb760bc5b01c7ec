"""Reads FCM's error answers, of which nothing can be taken for granted: other shapes, HTML, nothing at all."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from shared.flow.verdict import Answer


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer says, as far as it can be read; `""` where it says nothing."""

    http: int
    readable: bool
    """Whether it is the API's own JSON; a front end's web page is not."""
    status: str = ""
    code: str = ""
    """FcmError.errorCode"""
    message: str = ""
    apns_status: int = 0
    apns_reason: str = ""
    """ApnsError.reason"""
    fields: tuple[str, ...] = ()
    """BadRequest: which fields it names."""
    quota: str = ""
    """QuotaFailure: subjects and descriptions."""

    @property
    def names_token(self) -> bool:
        """Whether it is the token that the API finds fault with, and not the message."""
        named = any(field in ("message.token", "message.fid") for field in self.fields)
        return named or "registration token is not a valid" in self.message.lower()


def read(answer: Answer) -> Evidence:
    """The evidence in an answer."""
    error = _object(_json(answer.body).get("error"))
    if not error:
        return Evidence(answer.status, readable=not answer.body.strip())
    details = [one for one in _list(error.get("details")) if isinstance(one, dict)]
    fcm, apns = _of_type(details, "FcmError"), _of_type(details, "ApnsError")
    apns_status = apns.get("statusCode")
    return Evidence(
        http=answer.status,
        readable=True,
        status=_text(error.get("status")),
        code=_text(fcm.get("errorCode")),
        message=_text(error.get("message")),
        apns_status=apns_status if isinstance(apns_status, int) else 0,
        apns_reason=_text(apns.get("reason")),
        fields=tuple(_text(one.get("field")) for one in _members(details, "BadRequest", "fieldViolations")),
        quota=" ".join(
            f"{_text(one.get('subject'))} {_text(one.get('description'))}"
            for one in _members(details, "QuotaFailure", "violations")
        ),
    )


def _json(body: bytes) -> dict[str, Any]:
    try:
        return _object(from_json(body))
    except ValueError:
        return {}


def _of_type(details: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next((one for one in details if _text(one.get("@type")).endswith("." + name)), {})


def _members(details: list[dict[str, Any]], name: str, key: str) -> list[dict[str, Any]]:
    return [one for one in _list(_of_type(details, name).get(key)) if isinstance(one, dict)]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
