"""Table E.1 of the protocol reference (transport level, APNs, FCM v1) as data: situation, outcome, expected verdict."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.flow.verdict import (
    Answer,
    ConnectionTrouble,
    CredentialProblem,
    DelayRule,
    Delivered,
    NotProcessed,
    Outcome,
    OutcomeUnknown,
    Reauthorize,
    Rejected,
    Retry,
    Unregistered,
    Verdict,
)

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
APNS_ERROR = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
HTML = b"<!DOCTYPE html><html><title>Error</title></html>"
SINCE = datetime(2016, 2, 2, 19, 1, 53, 123000, UTC)


@dataclass(frozen=True, slots=True)
class Case:
    row: str
    outcome: Outcome
    verdict: Verdict
    about: str = ""

    def __str__(self) -> str:
        return f"{self.row} {self.about}".strip()


def apns(status: int, reason: str | None, **more: Any) -> Answer:
    body = b"" if reason is None else json.dumps({"reason": reason, **more}).encode()
    return Answer(status, {"apns-id": "eabeae54-14a8-11e5-b60b-1697f925ec7b"}, body)


def fcm(
    http: int, status: str = "", code: str = "", *details: dict[str, Any], message: str = "", after: str = ""
) -> Answer:
    found = [*details, {"@type": FCM_ERROR, "errorCode": code}] if code else list(details)
    error = {"code": http, "message": message, "status": status, "details": found}
    return Answer(http, {"retry-after": after} if after else {}, json.dumps({"error": error}).encode())


def apple(status: int, reason: str) -> dict[str, Any]:
    return {"@type": APNS_ERROR, "statusCode": status, "reason": reason}


def violation(field: str) -> dict[str, Any]:
    return {"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": "x"}]}


def network(trouble: ConnectionTrouble) -> NotProcessed:
    return NotProcessed("connect", trouble)


TRANSPORT = (
    Case(
        "unreachable", network(ConnectionTrouble.UNREACHABLE), Retry("connect", DelayRule.AT_ONCE, provider_down=True)
    ),
    Case("certificate_refused", network(ConnectionTrouble.CERTIFICATE_REFUSED), CredentialProblem("connect")),
    Case("peer_not_trusted", network(ConnectionTrouble.PEER_NOT_TRUSTED), CredentialProblem("connect")),
    Case("not_processed", NotProcessed("refused_stream"), Retry("refused_stream", DelayRule.AT_ONCE)),
    Case("not_processed", NotProcessed("goaway"), Retry("goaway", DelayRule.AT_ONCE), "GOAWAY above last id"),
    Case(
        "unknown",
        OutcomeUnknown("timeout"),
        Retry("timeout", DelayRule.NETWORK, unknown=True),
        "GOAWAY at or below last id: waited for until the timer fired",
    ),
    Case("too_many_streams", network(ConnectionTrouble.TOO_MANY_STREAMS), Retry("connect", DelayRule.AT_ONCE)),
    Case("unknown", OutcomeUnknown("reset"), Retry("reset", DelayRule.NETWORK, unknown=True), "reset or lost"),
    Case("unknown", OutcomeUnknown("timeout"), Retry("timeout", DelayRule.NETWORK, unknown=True), "timer"),
    Case("proxy_refused", network(ConnectionTrouble.PROXY_REFUSED), CredentialProblem("connect")),
    Case("intercepted", Answer(407, {}), CredentialProblem("intercepted:407"), "407 as an answer"),
    Case("intercepted", Answer(200, {}, HTML), CredentialProblem("intercepted:200"), "captive HTML"),
    Case("intercepted", Answer(302, {}, b""), CredentialProblem("intercepted:302"), "captive redirect"),
    Case("intercepted", Answer(511, {}, HTML), CredentialProblem("intercepted:511"), "log in first"),
)


def _suspect(reason: str) -> Rejected:
    return Rejected(reason, suspect=True)


def _bug(reason: str) -> Rejected:
    return Rejected(reason, bug=True)


def _down(reason: str, rule: DelayRule) -> Retry:
    return Retry(reason, rule, provider_down=True)


def _fresh(reason: str) -> Retry:
    return Retry(reason, DelayRule.AT_ONCE, repeats=1, then=DelayRule.CREDENTIAL)


def _plain(status: int, verdict: Verdict, *reasons: str) -> tuple[Case, ...]:
    return tuple(Case(f"{status} {one}", apns(status, one), verdict) for one in reasons)


_5XX = DelayRule.APNS_5XX
APNS = (
    Case("200", apns(200, None), Delivered()),
    Case("400 BadCollapseId", apns(400, "BadCollapseId"), Rejected("BadCollapseId")),
    Case("400 BadDeviceToken", apns(400, "BadDeviceToken"), _suspect("BadDeviceToken")),
    Case("400 BadExpirationDate", apns(400, "BadExpirationDate"), _bug("BadExpirationDate")),
    Case("400 BadMessageId", apns(400, "BadMessageId"), _bug("BadMessageId")),
    Case("400 BadPriority", apns(400, "BadPriority"), _bug("BadPriority")),
    Case("400 BadTopic", apns(400, "BadTopic"), CredentialProblem("BadTopic", "topic")),
    Case("400 DeviceTokenNotForTopic", apns(400, "DeviceTokenNotForTopic"), _suspect("DeviceTokenNotForTopic")),
    Case("400 DuplicateHeaders", apns(400, "DuplicateHeaders"), _bug("DuplicateHeaders")),
    Case("400 IdleTimeout", apns(400, "IdleTimeout"), Retry("IdleTimeout", DelayRule.AT_ONCE)),
    Case("400 InvalidPushType", apns(400, "InvalidPushType"), Rejected("InvalidPushType")),
    Case("400 MissingDeviceToken", apns(400, "MissingDeviceToken"), _bug("MissingDeviceToken")),
    Case("400 MissingTopic", apns(400, "MissingTopic"), CredentialProblem("MissingTopic", "topic")),
    Case("400 PayloadEmpty", apns(400, "PayloadEmpty"), Rejected("PayloadEmpty")),
    Case("400 TopicDisallowed", apns(400, "TopicDisallowed"), CredentialProblem("TopicDisallowed", "topic")),
    Case("400", apns(400, "SomethingNew"), _bug("SomethingNew"), "unknown"),
    Case("400", Answer(400, {}, b"{"), _bug("HTTP_400"), "broken JSON"),
    Case("400", Answer(418, {}, HTML), _bug("HTTP_418"), "unknown status"),
    Case("403 BadCertificate", apns(403, "BadCertificate"), CredentialProblem("BadCertificate")),
    Case(
        "403 BadCertificateEnvironment",
        apns(403, "BadCertificateEnvironment"),
        CredentialProblem("BadCertificateEnvironment"),
    ),
    Case(
        "403 BadCertificateEnvironment",
        NotProcessed("BadCertificateEnvironment"),
        CredentialProblem("BadCertificateEnvironment"),
        "as the reason of a GOAWAY",
    ),
    Case("403 ExpiredProviderToken", apns(403, "ExpiredProviderToken"), Reauthorize("ExpiredProviderToken")),
    Case("403 Forbidden", apns(403, "Forbidden"), CredentialProblem("Forbidden")),
    Case("403 InvalidProviderToken", apns(403, "InvalidProviderToken"), _fresh("InvalidProviderToken")),
    Case("403 MissingProviderToken", apns(403, "MissingProviderToken"), CredentialProblem("MissingProviderToken")),
    Case("403 UnrelatedKeyIdInToken", apns(403, "UnrelatedKeyIdInToken"), _fresh("UnrelatedKeyIdInToken")),
    *_plain(403, CredentialProblem("BadEnvironmentKeyIdInToken"), "BadEnvironmentKeyIdInToken"),
    *_plain(403, CredentialProblem("BadEnvironmentKeyInToken"), "BadEnvironmentKeyInToken"),
    Case("403", apns(403, "SomethingNew"), CredentialProblem("SomethingNew"), "unknown"),
    Case("404 BadPath", apns(404, "BadPath"), _bug("BadPath")),
    Case("405 MethodNotAllowed", apns(405, "MethodNotAllowed"), _bug("MethodNotAllowed")),
    Case("410 ExpiredToken", apns(410, "ExpiredToken", timestamp=1454439713123), Unregistered("ExpiredToken", SINCE)),
    Case("410 Unregistered", apns(410, "Unregistered", timestamp=1454439713123), Unregistered("Unregistered", SINCE)),
    Case("410 Unregistered", apns(410, "Unregistered", timestamp="soon"), Unregistered("Unregistered"), "no time"),
    Case("410", apns(410, "SomethingNew"), _suspect("SomethingNew"), "unknown"),
    Case("410", Answer(410, {}, HTML), _suspect("HTTP_410"), "HTML"),
    Case("413 PayloadTooLarge", apns(413, "PayloadTooLarge"), Rejected("PayloadTooLarge")),
    Case(
        "429 TooManyProviderTokenUpdates",
        apns(429, "TooManyProviderTokenUpdates"),
        Retry("TooManyProviderTokenUpdates", DelayRule.APNS_CHURN),
    ),
    Case(
        "429 TooManyRequests",
        apns(429, "TooManyRequests"),
        Retry("TooManyRequests", DelayRule.APNS_429, scope="device"),
    ),
    Case("429", apns(429, "SomethingNew"), Retry("SomethingNew", DelayRule.APNS_429, scope="device"), "unknown"),
    Case("500 InternalServerError", apns(500, "InternalServerError"), _down("InternalServerError", _5XX)),
    Case("503 ServiceUnavailable", apns(503, "ServiceUnavailable"), _down("ServiceUnavailable", _5XX)),
    Case("503 Shutdown", apns(503, "Shutdown"), Retry("Shutdown", DelayRule.AT_ONCE, then=_5XX)),
    Case("500", apns(500, "SomethingNew"), _down("SomethingNew", _5XX), "5xx unknown"),
    Case("500", Answer(502, {}, HTML), _down("HTTP_502", _5XX), "HTML"),
)

_INVALID = "INVALID_ARGUMENT"
_EXHAUSTED = "RESOURCE_EXHAUSTED"
_TOKEN_TEXT = "The registration token is not a valid FCM registration token"  # a message of Google's


def _quota(scope: str, mark: str = "", after: timedelta | None = None) -> Retry:
    return Retry("QUOTA_EXCEEDED" + mark, DelayRule.FCM_429, after, scope=scope)


def _quota_of(subject: str) -> dict[str, Any]:
    return {"@type": QUOTA_FAILURE, "violations": [{"subject": subject, "description": "x"}]}


FCM = (
    Case("200", Answer(200, {}, b'{"name":"projects/p/messages/0:1"}'), Delivered()),
    Case(
        "INVALID_ARGUMENT: token",
        fcm(400, _INVALID, _INVALID, message=_TOKEN_TEXT),
        _suspect("INVALID_ARGUMENT:token"),
        "by its text",
    ),
    Case(
        "INVALID_ARGUMENT: token",
        fcm(400, _INVALID, "", violation("message.token")),
        _suspect("INVALID_ARGUMENT:token"),
        "by message.token",
    ),
    Case(
        "INVALID_ARGUMENT: token",
        fcm(400, _INVALID, _INVALID, violation("message.fid")),
        _suspect("INVALID_ARGUMENT:token"),
        "by message.fid",
    ),
    Case("INVALID_ARGUMENT", fcm(400, _INVALID, "", violation("message.data[0].value")), Rejected(_INVALID)),
    Case("INVALID_ARGUMENT", Answer(400, {}, HTML), Rejected("HTTP_400"), "HTML"),
    Case(
        "apple: dead",
        fcm(400, _INVALID, _INVALID, apple(410, "Unregistered"), message="APNs device token is disabled."),
        Unregistered("Unregistered"),
    ),
    Case("apple: dead", fcm(400, _INVALID, "", apple(410, "ExpiredToken")), Unregistered("ExpiredToken"), "expired"),
    Case(
        "apple: dead", fcm(404, "NOT_FOUND", "UNREGISTERED", apple(410, "Unregistered")), Unregistered("Unregistered")
    ),
    Case("apple: wrong", fcm(400, _INVALID, _INVALID, apple(400, "BadDeviceToken")), _suspect("BadDeviceToken")),
    Case(
        "apple: wrong",
        fcm(400, _INVALID, _INVALID, apple(400, "DeviceTokenNotForTopic")),
        _suspect("DeviceTokenNotForTopic"),
    ),
    Case("apple: message", fcm(400, _INVALID, "", apple(413, "PayloadTooLarge")), Rejected("PayloadTooLarge")),
    Case("apple: message", fcm(400, _INVALID, "", apple(400, "BadCollapseId")), Rejected("BadCollapseId")),
    Case("apple: message", fcm(400, _INVALID, _INVALID, apple(400, "BadPriority")), Rejected("BadPriority")),
    Case(
        "apple: third party",
        fcm(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", apple(403, "InvalidProviderToken")),
        CredentialProblem("THIRD_PARTY_AUTH_ERROR:InvalidProviderToken", "apple"),
    ),
    Case(
        "third party",
        fcm(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
        CredentialProblem("THIRD_PARTY_AUTH_ERROR", "apple_web"),
    ),
    Case(
        "third party",
        fcm(401, "UNAUTHENTICATED", "APNS_AUTH_ERROR"),
        CredentialProblem("APNS_AUTH_ERROR", "apple_web"),
        "by its older name",
    ),
    Case(
        "apple: credentials",
        fcm(400, _INVALID, _INVALID, apple(400, "TopicDisallowed")),
        CredentialProblem("TopicDisallowed", "apple"),
    ),
    Case("401", fcm(401, "UNAUTHENTICATED"), Reauthorize("UNAUTHENTICATED")),
    Case("401", Answer(401, {}, b""), Reauthorize("HTTP_401"), "empty"),
    Case("SENDER_ID_MISMATCH", fcm(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), _suspect("SENDER_ID_MISMATCH")),
    Case("403", fcm(403, "PERMISSION_DENIED"), CredentialProblem("PERMISSION_DENIED")),
    Case("UNREGISTERED", fcm(404, "NOT_FOUND", "UNREGISTERED"), Unregistered("UNREGISTERED")),
    Case("404", fcm(404, "NOT_FOUND"), CredentialProblem("NOT_FOUND")),
    Case("404", Answer(404, {}, b""), CredentialProblem("HTTP_404"), "empty"),
    Case(
        "404 unreadable",
        Answer(404, {}, HTML),
        Retry("HTTP_404:unreadable", DelayRule.FCM_5XX, provider_down=True, then=DelayRule.CREDENTIAL),
        "HTML",
    ),
    Case("413", Answer(413, {}, HTML), Rejected("HTTP_413")),
    Case("quota: project", fcm(429, _EXHAUSTED, "QUOTA_EXCEEDED"), _quota("project")),
    Case(
        "quota: project",
        fcm(429, _EXHAUSTED, "QUOTA_EXCEEDED", after="37"),
        _quota("project", after=timedelta(seconds=37)),
        "with Retry-After",
    ),
    Case(
        "quota: device",
        fcm(429, _EXHAUSTED, "QUOTA_EXCEEDED", message="Device rate exceeded"),
        _quota("device", ":device"),
        "by its text",
    ),
    Case(
        "quota: device",
        fcm(429, _EXHAUSTED, "QUOTA_EXCEEDED", _quota_of("device:x")),
        _quota("device", ":device"),
        "by QuotaFailure",
    ),
    Case("quota: topic", fcm(429, _EXHAUSTED, "QUOTA_EXCEEDED", _quota_of("topic:x")), _quota("topic", ":topic")),
    Case("INTERNAL", fcm(500, "INTERNAL", "INTERNAL"), _down("INTERNAL", DelayRule.FCM_5XX)),
    Case(
        "502, 504",
        Answer(502, {}, HTML),
        Retry("HTTP_502", DelayRule.FCM_5XX, unknown=True, provider_down=True),
    ),
    Case(
        "502, 504",
        Answer(504, {}, b""),
        Retry("HTTP_504", DelayRule.FCM_5XX, unknown=True, provider_down=True),
    ),
    Case("UNAVAILABLE", fcm(503, "UNAVAILABLE", "UNAVAILABLE"), _down("UNAVAILABLE", DelayRule.FCM_5XX)),
    Case(
        "UNAVAILABLE",
        fcm(503, "UNAVAILABLE", "UNSPECIFIED_ERROR"),
        _down("UNAVAILABLE", DelayRule.FCM_5XX),
        "UNSPECIFIED_ERROR goes by the HTTP status",
    ),
    Case("403", fcm(403, "PERMISSION_DENIED", "UNSPECIFIED_ERROR"), CredentialProblem("PERMISSION_DENIED"), "the same"),
    Case("5xx", Answer(599, {}, b"\x00"), _down("HTTP_599", DelayRule.FCM_5XX)),
    Case("other", Answer(418, {}, b"[]"), _bug("HTTP_418")),
)

OAUTH = (
    ("400 invalid_grant", Answer(400, {}, b'{"error":"invalid_grant"}'), "invalid_grant", True),
    ("401 invalid_client", Answer(401, {}, b'{"error":"invalid_client"}'), "invalid_client", True),
    ("500", Answer(500, {}, HTML), "HTTP_500", False),
    ("503", Answer(503, {}, b""), "HTTP_503", False),
    ("404 HTML", Answer(404, {}, HTML), "HTTP_404", False),
    ("timeout", OutcomeUnknown("timeout"), "timeout", False),
    ("no connection", network(ConnectionTrouble.UNREACHABLE), "connect", False),
    ("200 unreadable", Answer(200, {}, HTML), "token_answer_unreadable", False),
    ("200 without a life", Answer(200, {}, b'{"access_token":"t"}'), "token_answer_unreadable", False),
)
"""The two OAuth rows: invalid_grant is permanent; 5xx and silence are not."""
