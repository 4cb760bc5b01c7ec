"""Which sends a look of the feeder is about: all that wait, or by turns, when they are too many to look at at once."""

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.flow.identity import split_send_key
from shared.flow.lane import Lane
from shared.store.connection import Store
from shared.store.schedule import Scheduled

MOST: Final = 1000
"""Sends of one lane that a look is about."""
KEYS_KNOWN: Final = 1.0
"""Seconds for which the list of the many that wait is believed."""


@dataclass(slots=True)
class _Crowd:
    """The sends of one lane, when they are too many."""

    keys: Sequence[str] = ()
    until: float = 0.0
    turn: int = 0


@dataclass(slots=True)
class Lookout:
    """Lives as long as the process."""

    store: Store
    most: int = MOST
    crowded: bool = False
    """Whether the last look left sends out."""
    _crowds: dict[Lane, _Crowd] = field(default_factory=dict)

    async def entries(self, without: Collection[str] = ()) -> dict[str, Scheduled]:
        """By key, but for some: sends with slices that are on the bus, and those that wait, at most so many of them."""
        self.crowded = False
        found = [one for lane in Lane for one in await self._of(lane, without)]
        return {one.key: one for one in found if one.key not in without}

    async def _of(self, lane: Lane, without: Collection[str]) -> list[Scheduled]:
        found = await self.store.schedule.unreleased(lane, self.most + 1, without)
        if len(found) <= self.most:
            self._crowds.pop(lane, None)
            return found
        self.crowded = True
        crowd = self._crowds.setdefault(lane, _Crowd())
        if time.monotonic() >= crowd.until:
            crowd.keys = await self.store.schedule.waiting(lane)
            crowd.until = time.monotonic() + KEYS_KNOWN
        page = fair_page(crowd.keys, max(1, self.most // 2), crowd.turn)
        crowd.turn += 1
        return [*await self.store.schedule.some(page), *await self.store.schedule.on_the_bus(lane)]


def fair_page(keys: Sequence[str], size: int, turn: int) -> list[str]:
    """At most so many of these sends: as many of each app, and as the turns go on, each of them again and again."""
    by_app: dict[str, list[str]] = defaultdict(list)
    for key in sorted(keys):
        by_app[split_send_key(key)[0]].append(key)
    apps = sorted(by_app)
    page: list[str] = []
    for place in range(min(size, len(apps))):
        round_, which = divmod(turn * min(size, len(apps)) + place, len(apps))
        its, share = by_app[apps[which]], max(1, size // len(apps))
        first = round_ * share % len(its)
        page += (its[first:] + its[:first])[:share]
    return page
