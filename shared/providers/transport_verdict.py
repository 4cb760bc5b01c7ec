"""What no provider has said: requests without an answer, and answers by somebody in between. One table for all."""

from dataclasses import dataclass
from typing import Final, assert_never

from shared.flow.verdict import Answer, ConnectionTrouble, DelayRule, NotProcessed, Outcome, OutcomeUnknown, Verdict
from shared.providers.reason import bounded
from shared.providers.rulings import Facts, Ruling, credential, retry

_POLICY: Final = "protocol reference, table E.1, transport level"


@dataclass(frozen=True, slots=True)
class Row:
    """A situation on the wire, what it means, and who says so."""

    situation: str
    ruling: Ruling
    source: str


ROWS: Final = (
    Row(ConnectionTrouble.UNREACHABLE, retry(DelayRule.AT_ONCE, down=True), _POLICY),
    Row(ConnectionTrouble.CERTIFICATE_REFUSED, credential(), "RFC 8446, section 6.2; " + _POLICY),
    Row(ConnectionTrouble.PEER_NOT_TRUSTED, credential(), _POLICY + ": our trust store or a middlebox"),
    Row(ConnectionTrouble.PROXY_REFUSED, credential(), "RFC 9110, section 15.5.8"),
    Row(ConnectionTrouble.TOO_MANY_STREAMS, retry(DelayRule.AT_ONCE), "RFC 9113, section 7, ENHANCE_YOUR_CALM"),
    Row("not_processed", retry(DelayRule.AT_ONCE), "RFC 9113, sections 6.8 and 8.7"),
    Row("unknown", retry(DelayRule.NETWORK, unknown=True), _POLICY),
    Row("intercepted", credential(), _POLICY + ": proxy answered 407 / captive HTML"),
)
_TABLE: Final = {row.situation: row for row in ROWS}
_PROXY_AUTHENTICATION: Final = 407
_LOGIN_NEEDED: Final = 511  # RFC 6585, section 6: answered by an intercepting proxy, never by an origin


def transport_row(outcome: Outcome) -> Row | None:
    """The row for an outcome, or None if the provider itself has answered."""
    match outcome:
        case Answer():
            return _TABLE["intercepted"] if _intercepted(outcome) else None
        case NotProcessed():
            return _TABLE[outcome.connection or "not_processed"]
        case OutcomeUnknown():
            return _TABLE["unknown"]
        case _:
            assert_never(outcome)


def transport_verdict(outcome: Outcome) -> Verdict | None:
    """The verdict on an outcome, or None if the provider itself has answered."""
    row = transport_row(outcome)
    if row is None:
        return None
    if isinstance(outcome, Answer):
        return row.ruling(Facts(f"intercepted:{outcome.status}"))
    return row.ruling(Facts(bounded(outcome.reason)))


def _intercepted(answer: Answer) -> bool:
    """No provider redirects, asks for proxy credentials, or answers success with a web page: a captive portal does."""
    if answer.status in (_PROXY_AUTHENTICATION, _LOGIN_NEEDED) or 300 <= answer.status < 400:  # noqa: PLR2004  # 3xx
        return True
    return answer.status == 200 and answer.body.lstrip()[:1] == b"<"  # noqa: PLR2004  # OK
