"""What FCM's answers mean, as one table, read from the top: Apple's facts, FcmError, the status, the HTTP status."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.flow.verdict import Answer, DelayRule, Outcome, Verdict
from shared.providers.fcm.evidence import Evidence, read
from shared.providers.reason import bounded
from shared.providers.retry_after import retry_after
from shared.providers.rulings import (
    DELIVERED,
    Facts,
    Ruling,
    bug,
    credential,
    delivered,
    reauthorize,
    rejected,
    retry,
    suspect,
    unregistered,
)
from shared.providers.transport_verdict import transport_verdict

_CODES: Final = "Firebase, REST resource FcmError, ErrorCode"
_APPLE: Final = "Apple, Handling notification responses from APNs, by way of ApnsError"
_RETRIES: Final = "Firebase, Best practices when sending FCM messages at scale"
_POLICY: Final = "protocol reference, table E.1, FCM"
_THREADS: Final = "firebase-admin-node #1191, firebase-admin-java #506: front ends answer in HTML"

OK: Final = 200
ROOM: Final = 52
"""Characters of a reason, so that a mark fits behind it."""
_DEAD: Final = frozenset({"Unregistered", "ExpiredToken"})
_WRONG: Final = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
_APPLE_CREDENTIALS: Final = frozenset({"TopicDisallowed", "BadTopic", "MissingTopic"})
_THIRD_PARTY: Final = frozenset({"THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"})
_OF_GOOGLE: Final = frozenset(
    {
        "INTERNAL", "INVALID_ARGUMENT", "INVALID_ARGUMENT:token", "NOT_FOUND", "PERMISSION_DENIED", "QUOTA_EXCEEDED",
        "QUOTA_EXCEEDED:device", "QUOTA_EXCEEDED:topic", "RESOURCE_EXHAUSTED", "SENDER_ID_MISMATCH",
        "UNAUTHENTICATED", "UNAVAILABLE", "UNREGISTERED", "invalid_grant", "invalid_client",
    }
)  # fmt: skip
"""FcmError's codes, the statuses of the API beside them (google.rpc.Code), and what the token endpoint refuses with."""
_OF_APPLE: Final = frozenset(
    {
        "BadCertificate", "BadCollapseId", "BadExpirationDate", "BadPriority", "ExpiredProviderToken", "Forbidden",
        "InternalServerError", "InvalidProviderToken", "InvalidPushType", "MissingProviderToken", "PayloadEmpty",
        "PayloadTooLarge", "ServiceUnavailable", "Shutdown", "TooManyRequests",
    }
)  # fmt: skip
"""What ApnsError hands on, beside the words that have a row of their own below."""
REASONS: Final = _OF_GOOGLE | _OF_APPLE | _DEAD | _WRONG | _APPLE_CREDENTIALS | _THIRD_PARTY

_down = retry(DelayRule.FCM_5XX, down=True)
_gateway = retry(DelayRule.FCM_5XX, down=True, unknown=True)


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of answer, how it is recognised, what it means, and who says so."""

    name: str
    fits: Callable[[Evidence], bool]
    ruling: Ruling
    source: str
    marks: str = ""
    """Set apart in the report from the provider's one word for several things."""


Fits = Callable[[Evidence], bool]
_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_SERVER_ERROR: Final = 500


def _code(*codes: str) -> Fits:
    return lambda said: said.code in codes


def _apns(*statuses: int) -> Fits:
    return lambda said: bool(said.apns_reason) and said.apns_status in statuses


def _apns_reason(reasons: frozenset[str]) -> Fits:
    return lambda said: said.apns_reason in reasons


def _http(*statuses: int) -> Fits:
    return lambda said: said.http in statuses


def _quota(word: str = "") -> Fits:
    return lambda said: (
        (said.code == "QUOTA_EXCEEDED" or said.http == 429)  # noqa: PLR2004  # Too Many Requests
        and word in f"{said.message} {said.quota}".lower()
    )


def _either(*ways: Fits) -> Fits:
    return lambda said: any(fits(said) for fits in ways)


def _names_token(said: Evidence) -> bool:
    return said.http == _BAD_REQUEST and said.names_token


def _unreadable_404(said: Evidence) -> bool:
    return said.http == _NOT_FOUND and not said.readable


ROWS: Final = (
    Row("200", _http(200), delivered, "Firebase, projects.messages.send"),
    Row("apple: dead", _apns_reason(_DEAD), unregistered, _APPLE),
    Row("apple: wrong", _apns_reason(_WRONG), suspect, _APPLE),
    Row("apple: third party", lambda said: said.code in _THIRD_PARTY and bool(said.apns_reason),
        credential("apple"), _CODES),
    Row("apple: credentials", _either(_apns(403), _apns_reason(_APPLE_CREDENTIALS)), credential("apple"), _APPLE),
    Row("apple: message", _apns(400, 413), rejected, _APPLE),
    Row("third party", _code(*_THIRD_PARTY), credential("apple_web"), _CODES),
    Row("UNREGISTERED", _code("UNREGISTERED"), unregistered, _CODES),
    Row("SENDER_ID_MISMATCH", _code("SENDER_ID_MISMATCH"), suspect, _CODES),
    Row("INVALID_ARGUMENT: token", _names_token, suspect, "firebase-admin-java #1064: one code, two things",
        marks=":token"),
    Row("INVALID_ARGUMENT", _either(_code("INVALID_ARGUMENT"), _http(400)), rejected, _CODES),
    Row("quota: device", _quota("device"), retry(DelayRule.FCM_429, scope="device"), _RETRIES, marks=":device"),
    Row("quota: topic", _quota("topic"), retry(DelayRule.FCM_429, scope="topic"), _RETRIES, marks=":topic"),
    Row("quota: project", _quota(), retry(DelayRule.FCM_429, scope="project"), _RETRIES),
    Row("INTERNAL", _either(_code("INTERNAL"), _http(500)), _down, _RETRIES),
    Row("UNAVAILABLE", _either(_code("UNAVAILABLE"), _http(503)), _down, _RETRIES),
    Row("401", _http(401), reauthorize, _POLICY),
    Row("403", _http(403), credential(), _POLICY + ": IAM, or the API is off"),
    Row("404 unreadable", _unreadable_404, retry(DelayRule.FCM_5XX, down=True, then=DelayRule.CREDENTIAL), _THREADS,
        marks=":unreadable"),
    Row("404", _http(404), credential(), _POLICY + ": no such project"),
    Row("413", _http(413), rejected, _POLICY),
    Row("502, 504", _http(502, 504), _gateway, _RETRIES + "; a gateway does not know what became of it"),
    Row("5xx", lambda said: said.http >= _SERVER_ERROR, _down, _POLICY),
    Row("other", lambda _: True, bug, "undocumented; somebody should see it"),
)  # fmt: skip


def row_for(said: Evidence) -> Row:
    """The first row that fits."""
    return next(row for row in ROWS if row.fits(said))


def verdict(outcome: Outcome, sent_at: datetime) -> Verdict:
    """What an outcome means."""
    if isinstance(outcome, Answer) and outcome.status == OK and outcome.body[:1] == b"{":
        return DELIVERED
    judged = transport_verdict(outcome)
    if judged is not None:
        return judged
    assert isinstance(outcome, Answer)  # noqa: S101  # only an answer is left to the provider
    said = read(outcome)
    row = row_for(said)
    after = retry_after(outcome.headers, sent_at + timedelta(seconds=outcome.seconds))
    return row.ruling(Facts(_reason(said) + row.marks, after))


def _reason(said: Evidence) -> str:
    code = "" if said.code == "UNSPECIFIED_ERROR" else said.code
    apple = said.apns_reason
    named = f"{code}:{apple}" if apple and code in _THIRD_PARTY else apple or code or said.status
    return bounded(named)[:ROOM] if named else f"HTTP_{said.http}"
