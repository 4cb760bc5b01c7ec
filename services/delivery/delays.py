"""How long to wait before the same notification goes out again: every delay of delivery, as one table."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from shared.flow.verdict import DelayRule

MOST_ATTEMPTS: Final = 32
"""A retry's id names every attempt before it, so they must end. Rules without a limit of their own spread their last
half over what remains of the message's life, so that it is its deadline that ends them."""


class Jitter(Enum):
    """How a wait is drawn from what the back-off allows."""

    FULL = "anything up to it"
    ABOVE = "never less than it, up to a quarter more"


@dataclass(frozen=True, slots=True)
class Delay:
    """One rule. The n-th wait is first * factor^(n - 1), at most cap, drawn by jitter."""

    first: timedelta
    cap: timedelta
    source: str
    factor: float = 2
    jitter: Jitter = Jitter.ABOVE
    attempts: int | None = None
    """After so many attempts the rule is used up; None: it lasts until the deadline."""
    least: timedelta = timedelta()
    """Not even `Retry-After` makes it shorter."""
    hurried: tuple[timedelta, timedelta] | None = None
    """Where the first wait would end past the deadline: one more attempt after a wait between these."""
    then: DelayRule | None = None
    """The rule that follows when this one is used up."""


_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_GOOGLE: Final = "Firebase, Best practices when sending FCM messages at scale"
_APPLE: Final = "Apple, Handling notification responses from APNs"
_POLICY: Final = "protocol reference, section 0, delay rules"

TABLE: Final[dict[DelayRule, Delay]] = {
    DelayRule.AT_ONCE: Delay(timedelta(), timedelta(), _POLICY, attempts=0, then=DelayRule.UNPROCESSED),
    DelayRule.NETWORK: Delay(_SECOND, _MINUTE, _POLICY, jitter=Jitter.FULL, attempts=5),
    DelayRule.UNPROCESSED: Delay(_SECOND, _HOUR, _POLICY + ", R-net without its end", jitter=Jitter.FULL),
    DelayRule.APNS_5XX: Delay(15 * _MINUTE, 4 * _HOUR, _APPLE + ": after 15 minutes", hurried=(_SECOND, 5 * _SECOND)),
    DelayRule.APNS_429: Delay(_MINUTE, _HOUR, _POLICY),
    DelayRule.APNS_CHURN: Delay(20 * _MINUTE, 30 * _MINUTE, _APPLE + ": not before 20 minutes", factor=1),
    DelayRule.FCM_429: Delay(_MINUTE, _HOUR, _GOOGLE),
    # 10 s, 20 s, … add up to 43 minutes over 9 attempts; one more wait would pass Google's 60.
    DelayRule.FCM_5XX: Delay(10 * _SECOND, _HOUR, _GOOGLE, attempts=9, least=10 * _SECOND),
    DelayRule.WEB: Delay(30 * _SECOND, _HOUR, _POLICY),
    DelayRule.CREDENTIAL: Delay(5 * _MINUTE, _HOUR, _POLICY + ": what parks no variant, as one strange answer"),
}
