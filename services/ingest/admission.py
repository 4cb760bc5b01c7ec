"""Whether sends may be accepted now: not while the broker does not confirm that it hears of them.

What is refused here was never stored, so it is never sent. What is pending for long counts as not confirmed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, Protocol

from shared.bus.errors import BusError

PATIENCE: Final = timedelta(seconds=2)
"""A publish pending longer than this shuts the door. A broker that shares a busy disk may take more than a second."""
RETRY_AFTER: Final = timedelta(seconds=5)
"""What a refused sender is told."""


class Broker(Protocol):
    """What the bus knows about its broker."""

    @property
    def blocked(self) -> bool: ...

    @property
    def connected(self) -> bool: ...

    @property
    def confirming(self) -> bool: ...


class Admission:
    """Shut until the first publish is confirmed. `monotonic` gives seconds."""

    def __init__(self, broker: Broker, monotonic: Callable[[], float]) -> None:
        self._broker = broker
        self._monotonic = monotonic
        self._confirmed = False
        self._pending: dict[int, float] = {}
        self._next = 0

    def shut(self) -> str | None:
        """Why nothing is accepted now, or None."""
        if self._broker.blocked:
            return "the broker has raised an alarm and takes no messages"
        if not self._broker.connected:
            return "the broker is not connected"
        oldest = min(self._pending.values(), default=None)
        if oldest is not None and self._monotonic() - oldest > PATIENCE.total_seconds():
            return "the broker does not answer in time"
        if not self._confirmed or not self._broker.confirming:
            return "the broker did not confirm the last message"
        return None

    @property
    def confirmed(self) -> bool:
        """Whether the last publish of ours to end was confirmed."""
        return self._confirmed

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Around a publish whose end, good or bad, decides over the door."""
        with self.waiting():
            try:
                yield
            except BusError:
                self._confirmed = False
                raise
            else:
                self._confirmed = True

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around a publish that another follows if it fails: only how long it takes tells something of the broker."""
        self._next += 1
        ours = self._next
        self._pending[ours] = self._monotonic()
        try:
            yield
        finally:
            del self._pending[ours]
