"""The seam between a chunk and the wire: parcels of requests in, one outcome for each request out."""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from shared.flow.lane import Lane
from shared.flow.record import LATENCY_BOUNDS
from shared.flow.verdict import Answer, Outcome
from shared.providers.contract import Headers, Origin, Requests

OK: Final = 200
_A_PROVIDERS_BODY: Final = (b"", b"{")
"""How the body of a success begins; a 200 with another one is looked at: a captive portal says 200 too."""
REQUEST_TIMEOUT: Final = timedelta(seconds=30)
"""Without an answer for so long, an outcome is unknown. Google asks for at least 10 s (protocol reference, B.4)."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Requests that share an origin and their stable headers (authorization among them).

    `fresh`: on a connection that none of the refused requests went through.
    """

    origin: Origin
    headers: Headers
    requests: Requests
    lane: Lane = Lane.BULK
    fresh: bool = False
    keep: bool = False
    """The bodies of successes are wanted too."""


@dataclass(slots=True)
class Results:
    """What became of a parcel's requests: how many were answered 200, and every other outcome by its number."""

    ok: int = 0
    others: list[tuple[int, Outcome]] = field(default_factory=list)
    latency: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))
    """Answers by LATENCY_BOUNDS; the last entry holds the slower ones."""
    open: list[int] = field(default_factory=list)
    """The numbers of those that have no outcome yet, where the sender may go on without them."""
    later: "asyncio.Future[Results] | None" = None
    """What becomes of these, by the same numbers; only where there are any."""
    kept: dict[int, bytes] = field(default_factory=dict)
    """The bodies of successes by number, where the parcel asked for them."""

    async def whole(self) -> "Results":
        """All of them, when the last one has its outcome."""
        if self.later is None:
            return self
        rest = await self.later
        latency = [one + more for one, more in zip(self.latency, rest.latency, strict=True)]
        return Results(self.ok + rest.ok, self.others + rest.others, latency, kept=self.kept | rest.kept)


class Leaving(Protocol):
    """What a transport may offer beside `send`."""

    async def send_most(self, parcels: Sequence[Parcel]) -> list[Results]:
        """As `send`, but when only a few have had no answer for a while, these are left open."""
        ...


class Transport(Protocol):
    """Sends parcels. Lives as long as the process; shared by all its chunks; `open_…` closes it."""

    async def send(self, parcels: Sequence[Parcel]) -> list[Results]:
        """The results of each parcel, in order. Never raises for what a peer does."""
        ...


def results_of(outcomes: Sequence[Outcome]) -> Results:
    """The results of outcomes that come one by one, as libraries give them."""
    results = Results()
    for number, outcome in enumerate(outcomes):
        if isinstance(outcome, Answer):
            results.latency[bisect_left(LATENCY_BOUNDS, outcome.seconds)] += 1
        if isinstance(outcome, Answer) and outcome.status == OK and outcome.body[:1] in _A_PROVIDERS_BODY:
            results.ok += 1
            if outcome.body:
                results.kept[number] = outcome.body
        else:
            results.others.append((number, outcome))
    return results
