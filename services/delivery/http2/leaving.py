"""When whoever waits for many requests may go on without the last few, or without a silent route's, and what then."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from services.delivery.http2.batch import Batch
from services.delivery.transport.contract import Results
from shared.providers.contract import Origin

AFTER: Final = 0.5
"""Seconds since the last of them was written, at least: by then a provider that is well has answered."""
TIMES_TYPICAL: Final = 4
"""Of one that is further away: so many times as long as it takes to answer."""
FEW: Final = 0.1
"""At most this share of them may be open, or a single one; not all: that is a route in trouble, no few stragglers."""
SILENT: Final = 3.0
"""Seconds without any answer to many, after which nobody waits for that route any more: it has half of the places,
which others need. Nothing more is begun by it then (`ways`), so that few chunks are left so."""
MOST: Final = 4000
"""Requests of a process that are left open at a time. What is more is waited for as ever: memory has a bound."""


class Waiting:
    """Batches that are waited for together, until `done`: when all have ended, or nearly all."""

    __slots__ = ("_asked_at", "_batches", "_total", "done", "origins")

    def __init__(self, origins: set[Origin], batches: Sequence[Batch], done: asyncio.Future[None], now: float) -> None:
        self.origins = origins
        self.done = done
        self._batches = batches
        self._total = sum(batch.count for batch in batches)
        self._asked_at = now

    def left(self, now: float, typical: Callable[[Origin], float], quiet: Callable[[Origin], float]) -> int:
        """How many are open, if whoever waits may go on without them; else 0.

        `typical`: seconds of an answer; `quiet`: seconds without any to many requests.
        """
        if now - self._asked_at < AFTER or any(batch.taken < batch.count for batch in self._batches):
            return 0
        left = sum(batch.left for batch in self._batches)
        if min(map(quiet, self.origins)) >= SILENT:
            return left
        if not left < self._total or left > max(1, FEW * self._total):
            return 0
        after = max(AFTER, TIMES_TYPICAL * max(map(typical, self.origins)))
        return left if now - max(batch.written_at for batch in self._batches) >= after else 0


def parted(batch: Batch, still_open: list[int]) -> Results:
    """What a batch has come to so far; the few that are still open follow in `later`."""
    ended = len(batch.failures)
    latency = list(batch.latency)
    later: asyncio.Future[Results] = asyncio.get_running_loop().create_future()

    def finished() -> None:
        if not later.done():
            others = batch.failures[ended:]
            since = [now - before for now, before in zip(batch.latency, latency, strict=True)]
            later.set_result(Results(len(still_open) - len(others), others, since))

    batch.on_done = finished
    batch.let_go()
    ok = batch.count - ended - len(still_open)
    return Results(ok, batch.failures[:ended], list(latency), sorted(still_open), later)
