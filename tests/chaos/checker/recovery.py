"""How long a kill was felt: until something was accepted again, and until what had been in flight went out again. Pure.

A repeat is known from outside: a device accepted a notification before a kill and the same one after it. It is owed to
the last kill between the two.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tests.chaos.checker.ledger import Answers, Ledger
from tests.chaos.checker.population import Place


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that was killed, what it was, and what was in flight then."""

    process: str
    at: datetime
    in_flight: int
    platforms: tuple[str, ...]
    back: datetime | None = None
    """When it ran again: before that nobody is there to recover, unless it has a twin."""

    @property
    def away(self) -> float:
        """Seconds until it ran again."""
        return _seconds(self, self.back)


def felt(kills: Sequence[Kill], ledger: Ledger) -> list[float]:
    """Seconds for each kill; a kill after which nothing was accepted any more was not felt."""
    moments = [kill.at for kill in kills]
    first_repeat: dict[int, datetime] = {}
    for at, again in _repeats(ledger.sends):
        which = bisect_right(moments, again) - 1
        if which >= 0 and moments[which] > at:
            first_repeat[which] = min(first_repeat.get(which, again), again)
    return [max(_until_flow(kill, ledger), _seconds(kill, first_repeat.get(n))) for n, kill in enumerate(kills)]


def _repeats(sends: Mapping[str, Mapping[Place, Answers]]) -> Iterable[tuple[datetime, datetime]]:
    for answers in sends.values():
        for one in answers.values():
            yield from pairwise(sorted(one.accepted))


def _until_flow(kill: Kill, ledger: Ledger) -> float:
    """Until a provider that the process sent to (or fed) accepted something again."""
    following = []
    for platform in kill.platforms:
        moments = ledger.accepted.get(platform, [])
        place = bisect_left(moments, kill.at)
        if place < len(moments):
            following.append(moments[place])
    return _seconds(kill, min(following, default=None))


def _seconds(kill: Kill, at: datetime | None) -> float:
    return 0.0 if at is None else (at - kill.at).total_seconds()
