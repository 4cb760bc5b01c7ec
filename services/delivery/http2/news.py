"""What came of a route's requests, summed up, as far as it says how the route fares. Pure."""

from collections import deque
from dataclasses import dataclass
from typing import Final

ENOUGH: Final = 20
"""Requests that must have ended for a window with trouble to be judged; it lasts longer until there are as many."""
LATELY: Final = 60.0
"""Twice as long as a request may take. Real time."""


@dataclass(frozen=True, slots=True)
class News:
    """What came of requests since somebody last asked. `late`: without an answer when their time was up."""

    ended: int = 0
    refused: int = 0
    late: int = 0
    answered: int = 0
    waited: float = 0.0
    """Seconds, summed over those that were answered 200."""

    @property
    def troubled(self) -> int:
        """Those that speak against the route."""
        return self.refused + self.late

    def and_(self, other: "News") -> "News":
        """Both together."""
        return News(
            self.ended + other.ended, self.refused + other.refused, self.late + other.late,
            self.answered + other.answered, self.waited + other.waited,
        )  # fmt: skip

    def less(self, other: "News") -> "News":
        """What is new since the other."""
        return News(
            self.ended - other.ended, self.refused - other.refused, self.late - other.late,
            self.answered - other.answered, self.waited - other.waited,
        )  # fmt: skip


class Silences:
    """Requests whose time was up, as a share of all that ended lately.

    They were written long before, all at once maybe: so they are compared with twice the time that a request has.
    """

    def __init__(self) -> None:
        self._windows: deque[tuple[float, int, int]] = deque()
        self._ended = self._late = 0

    def add(self, ended: int, late: int, now: float) -> None:
        """One window more."""
        if ended:
            self._windows.append((now, ended, late))
            self._ended, self._late = self._ended + ended, self._late + late
        while self._windows and now - self._windows[0][0] > LATELY:
            _, ended, late = self._windows.popleft()
            self._ended, self._late = self._ended - ended, self._late - late

    @property
    def share(self) -> float:
        """0 as long as too few have ended to say."""
        return self._late / self._ended if self._ended >= ENOUGH else 0.0

    def forgive(self) -> None:
        """The limit was lowered for these."""
        self._windows = deque((at, ended, 0) for at, ended, _ in self._windows)
        self._late = 0
