"""How many requests of one route may be in flight: more while all is well, fewer when it is not (AIMD). Pure.

It is asked when requests are written and told sums a few times a second: nothing is done for a single answer. `now` and
every span are seconds; `scale` divides the spans (rehearsals).

    refused or silent: a few ─▶ half          too slow ─▶ three quarters        in use and well ─▶ a step more
                       most  ─▶ half, and no more than a recovering route is trusted with
"""

from typing import Final

from services.delivery.http2.news import ENOUGH, News, Silences
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
FEW: Final = 0.05
MOST: Final = 0.5
"""Shares of a window that were answered 429 or 5xx, or not at all. A black hole of 1 % is no reason to slow down."""
LESS: Final = 0.5
LESS_IF_SLOW: Final = 0.75
SLOW_FLOOR: Final = 200
"""Slowness by itself takes nothing below this: a peer that became slower, whatever it is asked, is still to be used."""
TIMES_SLOWER: Final = 3.0
SECONDS_SLOWER: Final = 0.5
"""Slow is what is both so many times the usual, and so much above it: less is what a busy moment makes."""
USUAL_WITHIN: Final = 60.0
"""What lasts is usual after about so long; what is quicker is at once. Real time, as latency is."""
KEPT_FOR_NOW: Final = 10
"""One place of so many, and at least one, is kept for the lane `now`."""


class Limit:
    """Lives as long as its pool. `most` is what connections and streams allow in all."""

    def __init__(self, most: int, scale: float, now: float) -> None:
        self._most = most
        self._scale = scale
        self._step = max(1.0, (most - FIRST) / RAMP)
        self.value = float(min(FIRST, most))
        self._since = self._used_at = self._slowed_at = now
        self._peak = 0
        self._news = News()
        self._silences = Silences()
        self._usual: float | None = None

    def room(self, lane: Lane, in_flight: int) -> int:
        """How many more may be written, so many being in flight."""
        limit = int(self.value)
        if lane is Lane.BULK and limit > 1:
            limit -= max(1, limit // KEPT_FOR_NOW)
        return max(0, limit - in_flight)

    def carries(self, in_flight: int) -> None:
        """So many were in flight just now."""
        self._peak = max(self._peak, in_flight)

    def tell(self, news: News) -> None:
        """Something has come of requests."""
        self._news = self._news.and_(news)

    def look(self, now: float) -> str | None:
        """Time has passed. Why the limit was lowered, if it was."""
        news, seconds = self._news, (now - self._since) * self._scale
        if self._peak or news.ended:
            self._used_at = now
        elif now - self._used_at >= IDLE / self._scale:
            self.value = min(self.value, float(min(FIRST, self._most)))
        if seconds < WINDOW or (news.troubled and news.ended < ENOUGH and seconds < RAMP):
            return None
        self._silences.add(news.ended, news.late, now)
        slow = self._slower(news, now)
        why = self._judge(news, seconds, now, slow=slow)
        self._since, self._peak, self._news = now, 0, News()
        return why

    def _judge(self, news: News, seconds: float, now: float, *, slow: bool) -> str | None:
        filled = self._peak * 2 >= self.value
        refused = news.refused / news.ended if news.ended >= ENOUGH else 0.0
        share = max(refused, self._silences.share if news.late else 0.0)
        if share >= FEW:
            self._silences.forgive()
            return self._halve(mostly=share >= MOST, filled=filled)
        if news.troubled and news.troubled >= MOST * news.ended:
            return None  # too few to judge, and no reason to go faster
        used = min(self.value, max(1.0, self._peak))
        if slow and used > SLOW_FLOOR and now - self._slowed_at >= WINDOW:
            self.value, self._slowed_at = max(float(SLOW_FLOOR), used * LESS_IF_SLOW), now
            return "slow"
        if filled and not slow:
            self.value = min(float(self._most), self.value + min(self._step * seconds, self.value))
        return None

    def _halve(self, *, mostly: bool, filled: bool) -> str:
        used = min(self.value, max(1.0, self._peak))
        # Of a route with little to do that is not all trouble, what is in flight says little about what it bears.
        least = 1.0 if mostly or filled else min(float(RECOVERING), self.value)
        self.value = max(least, min(used * LESS, RECOVERING if mostly else self._most))
        return "trouble"

    def _slower(self, news: News, now: float) -> bool:
        """Whether answers took clearly longer than they usually do; what lasts becomes usual."""
        if news.answered < ENOUGH:
            return False
        took = news.waited / news.answered
        usual = took if self._usual is None else self._usual
        rising = (took - usual) * min(1.0, (now - self._since) / USUAL_WITHIN)
        self._usual = min(took, usual + rising)
        return is_slow(took, usual)


def is_slow(took: float, usual: float) -> bool:
    """Whether seconds of an answer are clearly more than usual."""
    return took > max(usual * TIMES_SLOWER, usual + SECONDS_SLOWER)
