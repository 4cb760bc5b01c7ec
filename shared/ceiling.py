"""Decides when so much of a queue has turned out dead that it is not the messages that are at fault. Pure.

A bad deployment that can read nothing would otherwise put everything that is owed to the dead letters, unnoticed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

MOST: Final = 100
"""Different messages of one queue that one process may find dead or fail at in the window."""
WINDOW: Final = timedelta(minutes=10)
PROBE: Final = MOST // 10
"""So many after each pause, until one is handled: what is readable behind them is reached in the end."""
PAUSES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15))
"""Before a queue is tried again, the last from there on; before the time scale."""


class Ceiling:
    """One queue of one process. `scaled` puts the window and the pauses under the time scale."""

    def __init__(self, scaled: Callable[[timedelta], timedelta] = lambda span: span) -> None:
        self._scaled = scaled
        self._spoiled: dict[str, datetime] = {}
        self._most = MOST
        self._paused = 0
        self.reached = False
        """Nothing more is to be taken, and nothing put to the dead letters."""

    def spoiled(self, message: str, now: datetime) -> bool:
        """A message is dead, or failed once more; whether the ceiling is reached."""
        since = now - self._scaled(WINDOW)
        if next(iter(self._spoiled.values()), now) <= since:
            self._spoiled = {one: at for one, at in self._spoiled.items() if at > since}
        self._spoiled.pop(message, None)  # so that the oldest stays the first
        self._spoiled[message] = now
        self.reached = self.reached or len(self._spoiled) > self._most
        return self.reached

    def well(self) -> None:
        """A message was handled: whatever is dead, it is not everything."""
        self._paused = 0
        self._most = MOST

    @property
    def dead(self) -> int:
        """Different messages that were found dead in the window."""
        return len(self._spoiled)

    def pause(self) -> timedelta:
        """How long to leave the queue alone now; longer each time, until a message is handled."""
        pause = self._scaled(PAUSES[min(self._paused, len(PAUSES) - 1)])
        self._paused += 1
        return pause

    def open(self) -> None:
        """The pause is over: a few may be dead again before the next."""
        self._spoiled.clear()
        self._most = PROBE
        self.reached = False
