"""What became of one provider request, in two steps: its outcome on the wire, then the provider's verdict on it.

A rejection is a value. The three-way truth of the wire (an answer, certainly not processed, unknown) reaches the retry
policy unchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class Answer:
    """The provider answered. Header names are lower-case. `seconds` is the time from request to answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class NotProcessed:
    """The request certainly had no effect: refused stream, above a GOAWAY's last stream, no connection."""

    reason: str
    connection: "ConnectionTrouble | None" = None


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """The request went out and no answer came: it may have been processed."""

    reason: str


class ConnectionTrouble(StrEnum):
    """Why there was no connection, as far as the retry policy tells apart (table E.1, transport level)."""

    UNREACHABLE = "unreachable"
    CERTIFICATE_REFUSED = "certificate_refused"
    PEER_NOT_TRUSTED = "peer_not_trusted"
    PROXY_REFUSED = "proxy_refused"
    TOO_MANY_STREAMS = "too_many_streams"


Outcome = Answer | NotProcessed | OutcomeUnknown


class DelayRule(StrEnum):
    """How long to wait before the same notification goes out again; the rules of the protocol reference, section 0."""

    AT_ONCE = "R0"
    NETWORK = "R-net"
    UNPROCESSED = "R-net+"
    """R-net for what certainly was not processed: nothing can double, so it goes on until the deadline."""
    APNS_5XX = "R-apns5xx"
    APNS_429 = "R-apns429"
    APNS_CHURN = "R-apns-churn"
    FCM_429 = "R-fcm429"
    FCM_5XX = "R-fcm5xx"
    WEB = "R-web"
    CREDENTIAL = "R-cred"


@dataclass(frozen=True, slots=True)
class Delivered:
    """Accepted by the provider, never more than that."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider or our own limits refused this message for this device; never retried."""

    reason: str
    bug: bool = False
    """Ours: an operator should see it."""
    suspect: bool = False
    """It speaks against the token, but a mixed-up key or environment would cause it too."""


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The token is dead, on unambiguous evidence; `since` is the provider's own time for it, if it gives one."""

    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Worth another attempt by `rule`."""

    reason: str
    rule: DelayRule
    after: timedelta | None = None
    """What `Retry-After` asked for."""
    unknown: bool = False
    """The provider may have processed it already."""
    provider_down: bool = False
    """Counts for the circuit breaker."""
    repeats: int = 2
    """How often at once, where the rule is R0."""
    then: DelayRule | None = None
    """The rule that follows when the tries of `rule` are used up, where it is not the delay table's own."""
    scope: str | None = None
    """What is throttled, where an answer says so: `device`, `topic`, `project`."""


@dataclass(frozen=True, slots=True)
class Reauthorize:
    """Our authorization was refused as stale: renew it once, on a new connection, and send again."""

    reason: str


TOPIC: Final = "topic"
"""The topic that was sent to: the variant's own for most messages, another one for some push types."""


@dataclass(frozen=True, slots=True)
class CredentialProblem:
    """Nothing of this variant will be accepted until somebody mends its credentials or topic."""

    reason: str
    targets: str | None = None
    """Only these targets of the variant are concerned, e.g. `apple` for a third-party key in Firebase, or `TOPIC`."""


Verdict = Delivered | Rejected | Unregistered | Retry | Reauthorize | CredentialProblem


class Fate(StrEnum):
    """Where one notification ends, in the report's words. `planned` is the sum of all of them."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    FAILED = "failed"
