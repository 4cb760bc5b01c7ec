"""What APNs' answers mean, as one table (Apple, Handling notification responses from APNs)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic_core import from_json

from shared.flow.verdict import TOPIC, Answer, DelayRule, NotProcessed, Outcome, Verdict
from shared.providers.reason import bounded
from shared.providers.retry_after import retry_after
from shared.providers.rulings import (
    DELIVERED,
    Facts,
    Ruling,
    bug,
    credential,
    delivered,
    once_more,
    reauthorize,
    rejected,
    retry,
    suspect,
    unregistered,
)
from shared.providers.transport_verdict import transport_verdict

OK: Final = 200
ANY: Final = ""
"""Stands for a reason that is not in the table, or for none."""
_APPLE: Final = "Apple, Handling notification responses from APNs"
_SEEN: Final = "seen on the wire and in Firebase's ApnsError; Apple's page prints BadEnvironmentKeyIdInToken"
_TOKENS: Final = "Apple, Establishing a token-based connection to APNs"
_POLICY: Final = "protocol reference, table E.1, APNs: unknown reasons go by their status"

_fresh = once_more(DelayRule.CREDENTIAL)
_again = retry(DelayRule.AT_ONCE)
_device_throttled = retry(DelayRule.APNS_429, scope="device")
_down = retry(DelayRule.APNS_5XX, down=True)


@dataclass(frozen=True, slots=True)
class Row:
    """An answer, what it means, and who says so."""

    status: int
    reason: str
    ruling: Ruling
    source: str = _APPLE


ROWS: Final = (
    Row(200, ANY, delivered),
    Row(400, "BadCollapseId", rejected),
    Row(400, "BadDeviceToken", suspect),
    Row(400, "BadExpirationDate", bug),
    Row(400, "BadMessageId", bug),
    Row(400, "BadPriority", bug),
    Row(400, "BadTopic", credential(TOPIC)),
    Row(400, "DeviceTokenNotForTopic", suspect),
    Row(400, "DuplicateHeaders", bug),
    Row(400, "IdleTimeout", _again),
    Row(400, "InvalidPushType", rejected),
    Row(400, "MissingDeviceToken", bug),
    Row(400, "MissingTopic", credential(TOPIC)),
    Row(400, "PayloadEmpty", rejected),
    Row(400, "TopicDisallowed", credential(TOPIC)),
    Row(400, ANY, bug, _POLICY),
    Row(403, "BadCertificate", credential()),
    Row(403, "BadCertificateEnvironment", credential()),
    Row(403, "ExpiredProviderToken", reauthorize),
    Row(403, "Forbidden", credential()),
    Row(403, "InvalidProviderToken", _fresh, _TOKENS + ": it may be the connection, which is one team's"),
    Row(403, "MissingProviderToken", credential()),
    Row(403, "UnrelatedKeyIdInToken", _fresh, _TOKENS),
    Row(403, "BadEnvironmentKeyIdInToken", credential(), _TOKENS),
    Row(403, "BadEnvironmentKeyInToken", credential(), _SEEN),
    Row(403, ANY, credential(), "every 403 on Apple's page is about credentials; so will be a new one"),
    Row(404, "BadPath", bug),
    Row(405, "MethodNotAllowed", bug),
    Row(410, "ExpiredToken", unregistered),
    Row(410, "Unregistered", unregistered),
    Row(410, ANY, suspect, "a token is removed only on a reason that is known"),
    Row(413, "PayloadTooLarge", rejected),
    Row(429, "TooManyProviderTokenUpdates", retry(DelayRule.APNS_CHURN)),
    Row(429, "TooManyRequests", _device_throttled),
    Row(429, ANY, _device_throttled, _POLICY),
    Row(500, "InternalServerError", _down),
    Row(503, "ServiceUnavailable", _down),
    Row(503, "Shutdown", retry(DelayRule.AT_ONCE, then=DelayRule.APNS_5XX)),
    Row(500, ANY, _down, _POLICY),
)
_CHANNELS: Final = "Apple, Handling error responses from APNs: broadcasts"
BROADCAST_ROWS: Final = (
    Row(400, "BadChannelId", rejected, _CHANNELS),
    Row(400, "ChannelNotRegistered", rejected, _CHANNELS),
    Row(400, "FeatureNotEnabled", rejected, _CHANNELS),
    Row(400, "BadRequestPayload", rejected, _CHANNELS),
)
"""Beside table E.1: what only a broadcast is answered, and its sender has to mend."""
_TABLE: Final = {(row.status, row.reason): row for row in (*ROWS, *BROADCAST_ROWS)}
_OURS: Final = frozenset({"expiration_passed", "certificate_variant"})
"""Said of a notification before Apple is asked."""
REASONS: Final = frozenset(row.reason for row in (*ROWS, *BROADCAST_ROWS) if row.reason) | _OURS
_GOAWAY: Final = {row.reason: row for row in ROWS if row.reason in ("BadCertificate", "BadCertificateEnvironment")}
"""A server may close the connection with one of these as the GOAWAY's debug reason and answer no stream."""


def row_for(status: int, reason: str) -> Row:
    """The row of an answer; an unknown reason goes by its status."""
    exact = _TABLE.get((status, reason)) or _TABLE.get((status, ANY))
    return exact or _TABLE[(500 if status >= 500 else 400), ANY]  # noqa: PLR2004  # server errors, and the rest


def verdict(outcome: Outcome, sent_at: datetime) -> Verdict:
    """What an outcome means."""
    if isinstance(outcome, Answer):
        if outcome.status == OK and not outcome.body:
            return DELIVERED
        return transport_verdict(outcome) or _answered(outcome, sent_at)
    if isinstance(outcome, NotProcessed) and outcome.reason in _GOAWAY:
        return _GOAWAY[outcome.reason].ruling(Facts(outcome.reason))
    judged = transport_verdict(outcome)
    assert judged is not None  # noqa: S101  # only an answer is left to the provider
    return judged


def _answered(answer: Answer, sent_at: datetime) -> Verdict:
    said = _json(answer.body)
    reason = said.get("reason")
    known = bounded(reason) if isinstance(reason, str) and reason else f"HTTP_{answer.status}"
    # Apple documents no Retry-After; if one comes it is obeyed.
    after = retry_after(answer.headers, sent_at + timedelta(seconds=answer.seconds))
    return row_for(answer.status, known).ruling(Facts(known, after, _moment(said.get("timestamp"))))


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = from_json(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _moment(milliseconds: Any) -> datetime | None:
    """The time since when a token is dead, to the millisecond: it is compared with a registration's."""
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool) or not 0 <= milliseconds < 1 << 47:
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
