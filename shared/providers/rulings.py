"""The building blocks of the providers' verdict tables: what a row says about the facts of one answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.flow.verdict import (
    CredentialProblem,
    DelayRule,
    Delivered,
    Reauthorize,
    Rejected,
    Retry,
    Unregistered,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rulings read in an answer."""

    reason: str
    after: timedelta | None = None
    since: datetime | None = None


Ruling = Callable[[Facts], Verdict]
DELIVERED = Delivered()


def delivered(_: Facts) -> Verdict:
    """Accepted by the provider."""
    return DELIVERED


def rejected(facts: Facts) -> Verdict:
    """The message is at fault."""
    return Rejected(facts.reason)


def bug(facts: Facts) -> Verdict:
    """We are at fault: somebody should see it."""
    return Rejected(facts.reason, bug=True)


def suspect(facts: Facts) -> Verdict:
    """The token, or a mix-up that makes all of them look like it."""
    return Rejected(facts.reason, suspect=True)


def unregistered(facts: Facts) -> Verdict:
    """The token is dead."""
    return Unregistered(facts.reason, facts.since)


def reauthorize(facts: Facts) -> Verdict:
    """Once more with a renewed authorization on a new connection."""
    return Reauthorize(facts.reason)


def credential(targets: str | None = None) -> Ruling:
    """Somebody has to mend the credentials (for these targets of the variant)."""
    return lambda facts: CredentialProblem(facts.reason, targets)


def retry(
    rule: DelayRule,
    *,
    unknown: bool = False,
    down: bool = False,
    then: DelayRule | None = None,
    scope: str | None = None,
) -> Ruling:
    """Later by `rule`, but never before the time that the answer asks for."""
    return lambda facts: Retry(
        facts.reason, rule, facts.after, unknown=unknown, provider_down=down, then=then, scope=scope
    )


def once_more(then: DelayRule) -> Ruling:
    """Once at once, on a fresh connection; if that does not help, by another rule."""
    return lambda facts: Retry(facts.reason, DelayRule.AT_ONCE, facts.after, repeats=1, then=then)
