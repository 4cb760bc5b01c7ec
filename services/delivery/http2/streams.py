"""What is open on a connection: runs of streams that were written together, and when each run's time is up."""

from collections.abc import Collection, Iterator
from itertools import repeat
from math import ceil
from typing import Final

from services.delivery.http2.batch import Batch
from shared.flow.verdict import Outcome

GRAIN: Final = 4
"""Deadlines are looked at so many times a second, at most."""
GROUPS: Final = 32
CREEP: Final = 1.0001


class Run:
    """Requests of one batch on consecutive streams of one connection, written at one time."""

    __slots__ = ("batch", "due", "first", "last", "left", "sent_at", "start")

    def __init__(self, batch: Batch, start: int, first: int, n: int, sent_at: float) -> None:
        self.batch = batch
        self.start = start
        self.first = first
        self.last = first + 2 * (n - 1)
        self.left = n
        self.sent_at = sent_at
        self.due: set[Run] = set()

    def finish(self, n: int) -> None:
        """So many of its streams are closed; the last one lets go of it before its time."""
        self.left -= n
        if not self.left:
            self.due.discard(self)


class Streams:
    """The open streams, each in exactly one run. Whatever closes a stream takes it out of here, and so only once."""

    def __init__(self) -> None:
        self.open: dict[int, Run] = {}
        self._due: dict[int, set[Run]] = {}
        self.keeping = 0
        """Of how many open streams the body of a success is wanted."""
        self.quickest = float("inf")
        """Seconds of the quickest success, creeping up so that it follows a route that changes."""
        self.answered = 0
        self.waited = 0.0
        """Successes, and the seconds that all of them took together."""
        self.typical = 0.0
        """Seconds of a success, averaged over the last few dozens of groups."""

    def add(self, run: Run) -> None:
        """A run that was just written."""
        if run.batch.kept is not None:
            self.keeping += run.left
        self.open.update(dict.fromkeys(range(run.first, run.last + 2, 2), run))
        bucket = ceil((run.sent_at + run.batch.timeout) * GRAIN)
        run.due = self._due.setdefault(bucket, set())
        run.due.add(run)

    def succeed(self, streams: list[int], now: float) -> bool:
        """These were answered 200, nothing else to know. False if one of them was not open."""
        runs: dict[Run | None, int] = {}
        for run in map(self.open.pop, streams, repeat(None)):
            runs[run] = runs.get(run, 0) + 1
        strays = runs.pop(None, 0)
        for one, n in runs.items():
            if one is not None:
                if one.batch.kept is not None:
                    self.keeping -= n
                seconds = now - one.sent_at
                one.batch.succeeded(n, seconds, now)
                one.finish(n)
                self.answered += n
                self.waited += seconds * n
                self.quickest = min(seconds, self.quickest * CREEP)
                self.typical += (seconds - self.typical) / GROUPS
        return not strays

    def fail(self, stream: int, outcome: Outcome, now: float) -> bool:
        """One has another outcome. False if it was not open."""
        run = self.open.pop(stream, None)
        if run is None:
            return False
        if run.batch.kept is not None:
            self.keeping -= 1
        run.batch.failed(run.start + ((stream - run.first) >> 1), outcome, now)
        run.finish(1)
        return True

    def of(self, batches: Collection[Batch]) -> Iterator[tuple[Batch, int]]:
        """The open requests of these batches. Looks at every open stream."""
        for stream, run in self.open.items():
            if run.batch in batches:
                yield run.batch, run.start + ((stream - run.first) >> 1)

    def keep(self, stream: int, body: bytes) -> None:
        """The body of a success, where it is wanted."""
        run = self.open.get(stream)
        if run is not None and run.batch.kept is not None:
            run.batch.kept[run.start + ((stream - run.first) >> 1)] = body

    def wanted(self, stream: int) -> bool:
        """Whether the body of a success on this stream is wanted."""
        run = self.open.get(stream) if self.keeping else None
        return run is not None and run.batch.kept is not None

    def overdue(self, now: float) -> Iterator[int]:
        """The streams whose time is up; the caller closes each."""
        for bucket in [one for one in self._due if one <= now * GRAIN]:
            for run in tuple(self._due.pop(bucket)):
                yield from (n for n in range(run.first, run.last + 2, 2) if self.open.get(n) is run)
