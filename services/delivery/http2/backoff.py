"""When a pool may connect again after connections that came to nothing. Pure."""

import random
from typing import Final

from shared.flow.verdict import ConnectionTrouble, NotProcessed

FIRST: Final = 1.0
CAP: Final = 60.0
"""Seconds: 1 to 60, full jitter (protocol reference, table E.1)."""
NOT_BY_TIMER: Final = frozenset(
    {
        ConnectionTrouble.CERTIFICATE_REFUSED,
        ConnectionTrouble.PEER_NOT_TRUSTED,
        ConnectionTrouble.PROXY_REFUSED,
    }
)
"""Somebody must mend these; trying again soon does not."""
MOST_MUTE: Final = 3
"""Connections in a row that end without an answer and without a reason, after which nobody waits for the next one."""
_MUTE: Final = NotProcessed("no_connection", ConnectionTrouble.UNREACHABLE)


class Backoff:
    """`scale` divides the waits, for rehearsals."""

    def __init__(self, rng: random.Random, scale: float) -> None:
        self._rng = rng
        self._scale = scale
        self._failures = 0
        self._until = 0.0
        self.outcome: NotProcessed | None = None
        """What requests get that come before it is time to try again; None: they wait."""

    def failed(self, outcome: NotProcessed | None, now: float) -> None:
        """A connection could not be had, or ended before it had answered anything."""
        cap = min(CAP, FIRST * 2**self._failures)
        wait = CAP if outcome is not None and outcome.connection in NOT_BY_TIMER else self._rng.uniform(0, cap)
        self._failures = min(self._failures + 1, 10)
        self._until = now + wait / self._scale
        self.outcome = outcome or (_MUTE if self._failures >= MOST_MUTE else None)

    def succeeded(self) -> None:
        """A connection has answered."""
        self._failures = 0
        self._until = 0.0
        self.outcome = None

    def ready(self, now: float) -> bool:
        """Whether it is time to try."""
        return now >= self._until
