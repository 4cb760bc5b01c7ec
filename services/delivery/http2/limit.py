"""How many requests of one route may be in flight: more while all is well, fewer when it is not (AIMD). Pure.

It is asked when requests are written and told sums a few times a second: nothing is done for a single answer. `now` and
every span are seconds; `scale` divides the spans (rehearsals).

    refused or silent: a few ─▶ half          too slow ─▶ three quarters        in use and well ─▶ a step more
                       most  ─▶ half, and no more than a recovering route is trusted with
"""

from typing import Final, Protocol

from shared.flow.lane import Lane

RAMP: Final = 60.0
"""From FIRST to the most that there can be (Google: ramp up over at least 60 s; protocol reference, B.4)."""
FIRST: Final = 600
"""What a route begins with: no small send notices it, and it keeps what a quick peer can do at a time in use."""
RECOVERING: Final = 50
"""What a route begins with again, after most of what it was sent was refused or not answered."""
IDLE: Final = 60.0
"""A route that carried nothing for so long begins anew."""
WINDOW: Final = 1.0
"""What is judged together."""
ENOUGH: Final = 20
"""Requests that must have ended for a window with trouble to be judged; it lasts longer until there are as many."""
FEW: Final = 0.05
MOST: Final = 0.5
"""Shares of a window that were answered 429 or 5xx, or not at all. A black hole of 1 % is no reason to slow down."""
LESS: Final = 0.5
LESS_IF_SLOW: Final = 0.75
SLOW_FLOOR: Final = 64
"""Slowness by itself takes nothing below this: a peer that became slower, whatever it is asked, is still to be used."""
TIMES_SLOWER: Final = 3.0
SECONDS_SLOWER: Final = 0.5
"""Slow is what is both so many times its own floor, and so much above it: less is what a busy moment makes."""
KEPT_FOR_NOW: Final = 10
"""One place of so many, and at least one, is kept for the lane `now`."""


class Watch(Protocol):
    """Who is told how the limits of all routes fare."""

    def lowered(self, why: str) -> None:
        """One was."""
        ...

    def lowest(self, limit: int | None) -> None:
        """The lowest of those in use; None if no route is."""
        ...


class Unwatched:
    """For engines that nobody looks at."""

    def lowered(self, why: str) -> None:
        """Nobody wants to know."""

    def lowest(self, limit: int | None) -> None:
        """Nobody wants to know."""


class Limit:
    """Lives as long as its pool. `most` is what connections and streams allow in all."""

    def __init__(self, most: int, scale: float, now: float) -> None:
        self._most = most
        self._scale = scale
        self._step = max(1.0, (most - FIRST) / RAMP)
        self.value = float(min(FIRST, most))
        self._since = now
        self._used_at = now
        self._peak = self._ended = self._troubled = 0

    def room(self, lane: Lane, in_flight: int) -> int:
        """How many more may be written, so many being in flight."""
        limit = int(self.value)
        if lane is Lane.BULK and limit > 1:
            limit -= max(1, limit // KEPT_FOR_NOW)
        return max(0, limit - in_flight)

    def carries(self, in_flight: int) -> None:
        """So many were in flight just now."""
        self._peak = max(self._peak, in_flight)

    def tell(self, ended: int, troubled: int) -> None:
        """So many more have ended, so many of them in trouble."""
        self._ended += ended
        self._troubled += troubled

    def look(self, ended: int, troubled: int, now: float, *, slow: bool = False) -> str | None:
        """So many more have ended, so many of them in trouble. Why the limit was lowered, if it was."""
        self.tell(ended, troubled)
        if self._peak or self._ended:
            self._used_at = now
        elif now - self._used_at >= IDLE / self._scale:
            self.value = min(self.value, float(min(FIRST, self._most)))
        seconds = (now - self._since) * self._scale
        if seconds < WINDOW or (self._troubled and self._ended < ENOUGH and seconds < RAMP):
            return None
        why = self._judge(seconds, slow=slow)
        self._since = now
        self._peak = self._ended = self._troubled = 0
        return why

    def _judge(self, seconds: float, *, slow: bool) -> str | None:
        used = min(self.value, max(1.0, self._peak))
        filled = self._peak * 2 >= self.value
        if self._ended >= ENOUGH and self._troubled >= FEW * self._ended:
            mostly = self._troubled >= MOST * self._ended
            # Of a route with little to do that is not all trouble, what is in flight says little about what it bears.
            least = 1.0 if mostly or filled else min(float(RECOVERING), self.value)
            self.value = max(least, min(used * LESS, RECOVERING if mostly else self._most))
            return "trouble"
        if self._troubled and self._troubled >= MOST * self._ended:
            return None  # too few to judge, and no reason to go faster
        if slow and used > SLOW_FLOOR:
            self.value = max(float(SLOW_FLOOR), used * LESS_IF_SLOW)
            return "slow"
        if filled and not slow:
            self.value = min(float(self._most), self.value + min(self._step * seconds, self.value))
        return None


def is_slow(typical: float, quickest: float) -> bool:
    """Whether answers that take that long are clearly slower than the quickest of late."""
    return typical > max(quickest * TIMES_SLOWER, quickest + SECONDS_SLOWER)
