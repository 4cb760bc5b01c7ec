"""Decides what follows from a verdict: an end, another try at once, or another attempt later. Pure."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from services.delivery.delays import MOST_ATTEMPTS, TABLE, Delay, Jitter
from shared.flow.send import Duplicates
from shared.flow.verdict import (
    CredentialProblem,
    DelayRule,
    Delivered,
    Fate,
    Reauthorize,
    Rejected,
    Retry,
    Unregistered,
    Verdict,
)
from shared.providers.reason import bounded

UNKNOWN_OUTCOME: Final = "unknown_outcome"


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a notification stands. `attempt` counts slices (from 1), `tries` what was sent in this one (from 1)."""

    attempt: int
    tries: int
    now: datetime
    deadline: datetime
    duplicates: Duplicates = Duplicates.COLLAPSE
    scale: float = 1
    """Divides every delay (rehearsals), never the deadline."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A notification that is done with."""

    fate: Fate
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """Once more at once, in this chunk, on another connection; `renew`: with a new authorization."""

    renew: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """A notification that gets another attempt after this wait, stated before the time scale."""

    wait: timedelta
    reason: str
    unknown: bool = False
    """It may have been delivered already: should there be no time left, it did not expire, nobody knows."""


Decision = Ended | Again | Later
DELIVERED: Final = Ended(Fate.DELIVERED)


def decide(verdict: Verdict, at: Situation, rng: random.Random) -> Decision:
    """What becomes of a notification after this verdict."""
    match verdict:
        case Delivered():
            return DELIVERED
        case Rejected():
            return Ended(Fate.REJECTED, bounded(verdict.reason))
        case Unregistered():
            return Ended(Fate.UNREGISTERED, bounded(verdict.reason))
        case Reauthorize() if at.tries == 1:
            return Again(renew=True)
        case Reauthorize() | CredentialProblem():
            return _retry(Retry(verdict.reason, DelayRule.CREDENTIAL), at, rng)
        case Retry():
            return _retry(verdict, at, rng)
        case _:
            assert_never(verdict)


def _retry(verdict: Retry, at: Situation, rng: random.Random) -> Decision:
    if verdict.unknown and at.duplicates is Duplicates.NEVER:
        return Ended(Fate.FAILED, UNKNOWN_OUTCOME)
    if at.now >= at.deadline:
        return too_late(verdict.reason, unknown=verdict.unknown)
    if verdict.rule is DelayRule.AT_ONCE and at.tries <= verdict.repeats:
        return Again()
    delay = _delay(verdict, at.attempt)
    if delay is None:
        return Ended(Fate.FAILED, UNKNOWN_OUTCOME if verdict.unknown else bounded(verdict.reason))
    wait = _within(delay, _wait(delay, verdict, at, rng), verdict, at, rng)
    if wait is None:
        return too_late(verdict.reason, unknown=verdict.unknown)
    return Later(wait, bounded(verdict.reason), verdict.unknown)


def _delay(verdict: Retry, attempt: int) -> Delay | None:
    """The delay that applies to this attempt, following the rules that are used up; None: all of them are."""
    rule: DelayRule | None = verdict.rule
    if rule is DelayRule.NETWORK and not verdict.unknown:
        rule = DelayRule.UNPROCESSED  # only what may have been processed has to be given up on
    asked = verdict.then
    while rule is not None:
        delay = TABLE[rule]
        if attempt < (MOST_ATTEMPTS if delay.attempts is None else delay.attempts):
            return delay
        rule, asked = asked or delay.then, None
    return None


def _wait(delay: Delay, verdict: Retry, at: Situation, rng: random.Random) -> timedelta:
    if verdict.after is not None:
        # Spread over a tenth more: all who were told the same would come back at the same moment.
        wait = max(verdict.after * (1 + rng.random() / 10), delay.least)
    else:
        wait = _drawn(delay, at.attempt, rng)
    if delay.attempts is None and at.attempt > MOST_ATTEMPTS // 2:
        remaining = (at.deadline - at.now) * at.scale
        wait = max(wait, remaining / (MOST_ATTEMPTS - at.attempt))
    return wait


def _drawn(delay: Delay, attempt: int, rng: random.Random) -> timedelta:
    grown = delay.first * min(delay.factor ** (attempt - 1), delay.cap / delay.first)
    if delay.jitter is Jitter.FULL:
        return grown * rng.random()
    # Where the cap would leave no room above, the wait starts lower, but never below the first.
    lowest = max(min(grown, delay.cap / 1.25), delay.first)
    return min(lowest * (1 + rng.random() / 4), delay.cap)


def _within(delay: Delay, wait: timedelta, verdict: Retry, at: Situation, rng: random.Random) -> timedelta | None:
    """The wait if it ends before the deadline; else the hurried one, once; else None."""
    remaining = at.deadline - at.now
    if wait / at.scale < remaining:
        return wait
    if delay.hurried is None or at.attempt > 1 or verdict.after is not None:
        return None
    low, high = delay.hurried
    hurried = low + (high - low) * rng.random()
    return hurried if hurried / at.scale < remaining else None


def too_late(reason: str, *, unknown: bool) -> Ended:
    """No time is left for another attempt. What may have been delivered did not expire: nobody knows."""
    return Ended(Fate.FAILED, UNKNOWN_OUTCOME) if unknown else Ended(Fate.EXPIRED, reason and bounded(reason))
