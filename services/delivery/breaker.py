"""A circuit breaker for one route (a provider's address and a credential): whether to send, from what came back. Pure.

closed ── too much fails ──▶ open ── the wait is over ──▶ one notification ── it got an answer ──▶ closed
                              ▲────────────────────────── it did not, wait longer ────┘
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(seconds=30)
ENOUGH: Final = 20
SHARE: Final = 0.5
"""Opens when this share of at least so many failed within the window (protocol reference, E.3)."""
IN_A_ROW: Final = 5
"""Or so many one after the other (protocol reference, table E.1, transport level): a quiet route never has enough."""
FIRST: Final = timedelta(seconds=10)
CAP: Final = timedelta(minutes=15)
"""Between two tries, doubling, with up to a quarter more; before the time scale (protocol reference, E.3)."""


@dataclass(slots=True)
class Breaker:
    """Lives as long as its process remembers the route. `scaled`: a span under the time scale."""

    scaled: Callable[[timedelta], timedelta]
    rng: random.Random
    until: datetime | None = None
    """When the next notification is tried; None: closed."""
    _tries: int = 0
    _row: int = 0
    _heard: deque[tuple[datetime, int, int]] = field(default_factory=deque)
    _fine: int = 0
    _down: int = 0
    """What is in `_heard`, added up."""

    @property
    def closed(self) -> bool:
        """Everything may go."""
        return self.until is None

    @property
    def quiet(self) -> bool:
        """Nothing has failed lately: there is nothing to remember."""
        return self.until is None and not self._heard

    def take(self, now: datetime, patience: timedelta) -> bool:
        """Whether this one may be tried; nobody else may until it has told, or until the patience with it is over."""
        if self.until is None or now < self.until:
            return self.until is None
        self.until = now + patience
        return True

    def heard(self, fine: int, down: int, now: datetime) -> None:
        """So many notifications got an answer that means something, and so many got none or a server error."""
        if fine and self.until is not None:
            self.until, self._tries, self._row = None, 0, 0
            self._forget()
            return
        self._row = 0 if fine else self._row + down
        self._heard.append((now, fine, down))
        self._fine, self._down = self._fine + fine, self._down + down
        oldest = now - self.scaled(WINDOW)
        while self._heard and self._heard[0][0] < oldest:
            _, were_fine, were_down = self._heard.popleft()
            self._fine, self._down = self._fine - were_fine, self._down - were_down
        if not self._down:
            self._forget()
        if down and (self.until is not None or self._row >= IN_A_ROW or self._mostly_down()):
            self._open(now)

    def _mostly_down(self) -> bool:
        heard = self._fine + self._down
        return heard >= ENOUGH and self._down >= SHARE * heard

    def _forget(self) -> None:
        self._heard.clear()
        self._fine = self._down = 0

    def _open(self, now: datetime) -> None:
        wait = min(FIRST * 2**self._tries, CAP) * (1 + self.rng.random() / 4)
        self._tries = min(self._tries + 1, 10)
        self.until = now + self.scaled(wait)
