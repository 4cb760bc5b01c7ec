"""What the outcome of one notification says about its variant's credentials and about the way to the provider. Pure."""

from enum import Enum
from typing import Final

from shared.flow.verdict import (
    TOPIC,
    ConnectionTrouble,
    CredentialProblem,
    DelayRule,
    NotProcessed,
    Outcome,
    Reauthorize,
    Retry,
    Verdict,
)

OUR_SIDE: Final = frozenset({ConnectionTrouble.PEER_NOT_TRUSTED, ConnectionTrouble.PROXY_REFUSED})
"""Trouble of this machine's trust store or proxy, whatever variant is sent for."""
INTERCEPTED: Final = "intercepted"
PROJECT: Final = "project"
"""What is throttled as a whole: everything that is sent with the same credentials."""


class Sign(Enum):
    """What an outcome is evidence of."""

    FINE = "the provider read the notification: it takes the credentials"
    REFUSED = "the provider does not take the credentials"
    THROTTLED = "the provider takes nothing of the whole project for a while"
    DOWN = "there was no answer, or one that says that the provider or the way to it is in trouble"
    NONE = "nothing"


def sign_of(verdict: Verdict, outcome: Outcome | None, *, aside: bool = False) -> Sign:
    """The evidence in an outcome (None: there was no authorization to ask with) that is not a plain success.

    `aside`: it went to another topic than the variant's own, which may be refused while the variant's is not.
    """
    match verdict:
        case CredentialProblem() if _on_our_side(verdict, outcome):
            return Sign.DOWN
        case CredentialProblem() if verdict.targets == TOPIC:
            return Sign.NONE if aside else Sign.REFUSED
        case CredentialProblem():
            # A problem of some targets only was found by a provider that had taken the credentials themselves.
            return Sign.REFUSED if verdict.targets is None else Sign.FINE
        case Reauthorize():
            return Sign.REFUSED
        case Retry():
            return _of_retry(verdict)
        case _:
            return Sign.FINE


def _of_retry(verdict: Retry) -> Sign:
    if verdict.rule is DelayRule.AT_ONCE and verdict.then is DelayRule.CREDENTIAL:
        return Sign.REFUSED
    if verdict.scope == PROJECT:
        return Sign.THROTTLED
    if verdict.provider_down or verdict.unknown:
        return Sign.DOWN
    return Sign.NONE if verdict.rule in (DelayRule.AT_ONCE, DelayRule.UNPROCESSED, DelayRule.APNS_CHURN) else Sign.FINE


def _on_our_side(verdict: CredentialProblem, outcome: Outcome | None) -> bool:
    """A variant cannot help it, and other replicas may not have it: it says nothing about the credentials."""
    if isinstance(outcome, NotProcessed):
        return outcome.connection in OUR_SIDE
    return outcome is not None and verdict.reason.startswith(INTERCEPTED)
