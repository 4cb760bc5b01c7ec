"""How many retries one route may have beside its first attempts: trouble is not answered with more of it. Pure.

Retries that fail again are at most a share of the first attempts of the last minute, and so many a second besides. What
was ended by its retry costs nothing: a route that is well again is not kept waiting for what it owes (compare gRPC's
retry throttling, proposal A6, which counts failures, and Finagle's RetryBudget, which has the least rate).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(seconds=60)
GRAINS: Final = 12
"""The window moves on by so many parts of it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`share` of the first attempts (protocol reference, E.3: 10 %), and `least` a second."""

    share: float = 0.1
    least: float = 10

    @property
    def floor(self) -> int:
        """What every route has, whatever its first attempts."""
        return int(self.least * (WINDOW / timedelta(seconds=1)))


@dataclass(slots=True)
class Grain:
    """What began within one part of the window."""

    since: datetime
    firsts: int = 0
    retries: int = 0


@dataclass(slots=True)
class Budget:
    """Lives as long as its process remembers the route. `scaled`: a span under the time scale."""

    policy: Policy
    scaled: Callable[[timedelta], timedelta]
    _grains: deque[Grain] = field(default_factory=deque)

    def left(self, now: datetime) -> int:
        """How many retries may begin; what is left by fewer than a chunk has is enough for the chunk."""
        self._forget(now)
        earned = self.policy.share * sum(grain.firsts for grain in self._grains)
        return self.policy.floor + int(earned) - sum(grain.retries for grain in self._grains)

    def first(self, count: int, now: datetime) -> None:
        """So many first attempts were made."""
        self._grain(now).firsts += count

    def spend(self, count: int, now: datetime) -> None:
        """So many retries begin."""
        self._grain(now).retries += count

    def give_back(self, count: int, now: datetime) -> None:
        """So many of them were ended by it, or did not begin after all: from the newest part of the window on."""
        self._forget(now)
        for grain in reversed(self._grains):
            taken = min(count, grain.retries)
            grain.retries -= taken
            count -= taken

    def quiet(self, now: datetime) -> bool:
        """Whether there is nothing to remember."""
        self._forget(now)
        return not self._grains

    def _grain(self, now: datetime) -> Grain:
        if not self._grains or now - self._grains[-1].since >= self.scaled(WINDOW) / GRAINS:
            self._grains.append(Grain(now))
        return self._grains[-1]

    def _forget(self, now: datetime) -> None:
        while self._grains and now - self._grains[0].since >= self.scaled(WINDOW):
            self._grains.popleft()
