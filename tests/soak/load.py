"""Batches without end: many callers of the sick provider, one of the healthy provider beside it."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from services.delivery.http2.batch import Batch
from services.delivery.http2.engine import Engine
from shared.flow.lane import Lane
from shared.flow.record import LATENCY_BOUNDS
from shared.providers.contract import Origin
from tests.soak.books import Books, End, end_of

SHARED: Final = ((b"authorization", b"bearer x"), (b"apns-topic", b"com.example.app"), (b"apns-push-type", b"alert"))
BODIES: Final = tuple(b'{"aps":{"alert":"%s"}}' % (b"x" * size) for size in (5, 100, 1_000, 3_900))
TIMEOUT, PATIENCE = 2.0, 4.0
LARGEST: Final = 120
HEALTHY_BATCH: Final = 250
HEALTHY_EVERY: Final = 0.1


def batch_of(numbers: range, rng: random.Random, *, timeout: float, patience: float) -> Batch:
    """Each with a path, an id and (half of the time) a body of its own."""
    paths = [b"/3/device/%064x" % n for n in numbers]
    ids = [b"eabc0000-0000-0000-0000-%012x" % n for n in numbers]
    body = rng.choice(BODIES) if rng.random() < 0.5 else [rng.choice(BODIES) for _ in numbers]
    lane = Lane.NOW if rng.random() < 0.2 else Lane.BULK
    return Batch(
        len(numbers), SHARED, paths, body, own=[(b"apns-id", ids)], lane=lane, fresh=rng.random() < 0.03,
        timeout=timeout, patience=patience,
    )  # fmt: skip


@dataclass(slots=True)
class Storm:
    """The sick provider's load. `dropped` are batches that nobody waits for, until what was written has ended."""

    engine: Engine
    origin: Origin
    books: Books
    dropped: list[tuple[Batch, range]] = field(default_factory=list)

    async def work(self, seed: int, until: float) -> None:
        """One of several callers."""
        rng, loop = random.Random(seed), asyncio.get_running_loop()
        while loop.time() < until and self.books.given < self.books.size:
            await self.one(rng, rng.randint(1, LARGEST), drop=rng.random() < 0.02)
            self.settle()
            await asyncio.sleep(rng.expovariate(1 / 0.05))

    async def one(self, rng: random.Random, n: int, *, drop: bool = False) -> Counter[End]:
        """A batch to its end, or to where nobody waits for it any more."""
        numbers = self.books.take(n)
        batch = batch_of(numbers, rng, timeout=TIMEOUT, patience=PATIENCE)
        done = self.engine.submit(self.origin, batch)
        await asyncio.wait({done}, timeout=0.03 if drop else None)
        if not done.done():
            done.cancel()
            self.dropped.append((batch, numbers))
            return Counter()
        ends = self._book(batch, numbers)
        if ends[End.NOT_PROCESSED] == n:
            await asyncio.sleep(0.25)  # no connection: asking again at once says nothing new
        return ends

    def settle(self) -> None:
        """Books the dropped batches of which everything that was written has ended."""
        over = [(batch, numbers) for batch, numbers in self.dropped if batch.left == batch.count - batch.taken]
        self.dropped = [one for one in self.dropped if one not in over]
        for batch, numbers in over:
            self._book(batch, numbers)

    def _book(self, batch: Batch, numbers: range) -> Counter[End]:
        failed = {index for index, _ in batch.failures}
        for index, outcome in batch.failures:
            self.books.end(numbers[index], end_of(outcome))
            self.books.reasons[getattr(outcome, "reason", str(getattr(outcome, "status", "")))] += 1
        for index, number in enumerate(numbers):
            if index not in failed:
                self.books.end(number, End.DELIVERED if index < batch.taken else End.WITHDRAWN)
        return Counter(map(End, self.books.said[numbers.start : numbers.stop]))


@dataclass(slots=True)
class Calm:
    """The healthy provider's load: it must notice nothing of the other."""

    engine: Engine
    origin: Origin
    given: int = 0
    delivered: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latency: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))

    async def work(self, seed: int, until: float) -> None:
        """The only caller."""
        rng, loop = random.Random(seed), asyncio.get_running_loop()
        while loop.time() < until:
            numbers = range(self.given, self.given + HEALTHY_BATCH)
            self.given = numbers.stop
            batch = batch_of(numbers, rng, timeout=10, patience=10)
            await self.engine.submit(self.origin, batch)
            self.delivered += batch.delivered
            self.failures.update(repr(outcome) for _, outcome in batch.failures)
            self.latency = [before + more for before, more in zip(self.latency, batch.latency, strict=True)]
            await asyncio.sleep(HEALTHY_EVERY)

    def bound(self, share: float) -> str:
        """The bound below which this share of the answers came."""
        wanted, seen = share * sum(self.latency), 0
        for bound, n in zip(LATENCY_BOUNDS, self.latency, strict=False):
            seen += n
            if seen >= wanted:
                return f"{bound * 1000:g} ms"
        return f"over {LATENCY_BOUNDS[-1]:g} s"
