"""Who is told how limits and connections fare: whoever keeps the metrics, or nobody."""

from typing import Protocol


class Watch(Protocol):
    """Who is told how the limits and connections of all routes fare."""

    def lowered(self, why: str) -> None:
        """One was."""
        ...

    def lowest(self, limit: int | None) -> None:
        """The lowest of those in use; None if no route is."""
        ...

    def connected(self, *, fine: bool) -> None:
        """A connection was tried."""
        ...

    def goaway(self, code: str) -> None:
        """A peer asked us to leave a connection."""
        ...

    def open(self, connections: int, in_use: int, allowed: int) -> None:
        """How many connections are open, the requests on them, and how many they would carry."""
        ...


class Unwatched:
    """For engines that nobody looks at."""

    def lowered(self, why: str) -> None:
        """Nobody wants to know."""

    def lowest(self, limit: int | None) -> None:
        """Nobody wants to know."""

    def connected(self, *, fine: bool) -> None:
        """Nobody wants to know."""

    def goaway(self, code: str) -> None:
        """Nobody wants to know."""

    def open(self, connections: int, in_use: int, allowed: int) -> None:
        """Nobody wants to know."""
