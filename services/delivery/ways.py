"""How the routes of this process fare, as far as the transport sees it: who is slow to answer leaves room to others."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from shared.providers.contract import Origin

QUIET: Final = 0.5
"""Seconds without any answer to many requests, after which a route gets no more than half of the places for chunks."""
SILENT: Final = 3.0
"""Seconds after which nothing more is begun by it, until one of those that wait is answered or all are given up."""
NARROW: Final = 100
"""What may be in flight by a route that is as good as any; one that bears less takes its time for a chunk."""


class Seen(Protocol):
    """What an engine knows of a route."""

    def quiet(self, origin: Origin) -> float:
        """Seconds for which many requests have waited without an answer to any of them."""
        ...

    def limit(self, origin: Origin) -> int | None:
        """How many requests may be in flight; None: nothing is known."""
        ...


@dataclass(slots=True)
class Ways:
    """Lives as long as the process. `seen`: None for transports that cannot tell."""

    seen: Seen | None = None
    routes: dict[str, Origin] = field(default_factory=dict)
    """By variant: the route that it was sent by last."""

    def struggling(self, variant: str) -> bool:
        """Whether its chunks take their time."""
        route = self.routes.get(variant)
        if route is None or self.seen is None:
            return False
        limit = self.seen.limit(route)
        return self.seen.quiet(route) >= QUIET or (limit is not None and limit < NARROW)

    def silent(self, variant: str) -> bool:
        """Whether more of it would only wait."""
        route = self.routes.get(variant)
        return route is not None and self.seen is not None and self.seen.quiet(route) >= SILENT
