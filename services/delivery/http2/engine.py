"""The door of the engine: parcels of requests, or whole batches, to whichever pool their origin has."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from services.delivery.http2.batch import Batch
from services.delivery.http2.dialing import Dialer
from services.delivery.http2.leaving import MOST, Waiting, parted
from services.delivery.http2.pool import Pool, Wiring
from services.delivery.http2.proxy import proxies
from services.delivery.http2.turns import Turns
from services.delivery.http2.watch import Unwatched, Watch
from services.delivery.transport.contract import REQUEST_TIMEOUT, Parcel, Results
from shared.providers.contract import Origin

CONNECTIONS: Final = 4
"""To one origin; two to eight are enough for most senders (protocol reference, A.2)."""
STREAMS: Final = 1000
"""On one connection, if the peer allows more."""
TICK: Final = 0.25
"""Seconds between two looks at deadlines."""
FORGOTTEN_AFTER: Final = 600.0
"""Seconds after which a pool without connections is let go."""
GOODBYE_WITHIN: Final = 3.0


class Engine:
    """Sends batches and parcels. Lives as long as the process; shared by all its chunks; `open_engine` closes it."""

    def __init__(self, on: Wiring) -> None:
        self._on = on
        self._pools: dict[Origin, Pool] = {}
        self._waiting: set[Waiting] = set()
        self._left = 0
        """Requests that nobody waits for before they have their outcome."""
        self._ticking = on.loop.call_later(TICK, self._tick)

    def submit(self, origin: Origin, batch: Batch) -> asyncio.Future[None]:
        """Done when every request of the batch has its outcome. Cancelling it takes back what is not written yet."""
        return self._submit([(origin, batch)])

    async def send(self, parcels: Sequence[Parcel]) -> list[Results]:
        """The results of each parcel, in order. Never raises for what a peer does."""
        batches = [_batch(parcel) for parcel in parcels]
        await self._submit([(parcel.origin, batch) for parcel, batch in zip(parcels, batches, strict=True)])
        return [_results(batch) for batch in batches]

    async def send_most(self, parcels: Sequence[Parcel]) -> list[Results]:
        """As `send`; but when a few have had no answer for a while, their results come `later`."""
        work = [(parcel.origin, _batch(parcel)) for parcel in parcels]
        done = self._submit(work)
        origins = {parcel.origin for parcel in parcels}
        waiting = Waiting(origins, [batch for _, batch in work], done, self._on.loop.time())
        self._waiting.add(waiting)
        try:
            await done
        finally:
            self._waiting.discard(waiting)
        return [self._parted(origin, batch) if batch.left else _results(batch) for origin, batch in work]

    def quiet(self, origin: Origin) -> float:
        """Seconds for which many requests to there have waited without an answer to any of them."""
        pool = self._pools.get(origin)
        return 0.0 if pool is None else pool.quiet(self._on.loop.time())

    def limit(self, origin: Origin) -> int | None:
        """How many requests may be in flight to there; None: nothing is known."""
        pool = self._pools.get(origin)
        return None if pool is None else pool.limit

    def _parted(self, origin: Origin, batch: Batch) -> Results:
        result = parted(batch, self._pool(origin).open_of((batch,)).get(batch, []))
        left = len(result.open)
        self._left += left

        def ended(_: object) -> None:
            self._left -= left

        if result.later is not None:
            result.later.add_done_callback(ended)
        return result

    def _part(self, now: float) -> None:
        """Whoever waits for a few only may go on."""
        for one in self._waiting:
            left = one.left(now, lambda origin: self._pool(origin).typical, self.quiet)
            if left and self._left + left <= MOST and not one.done.done():
                one.done.set_result(None)

    def _submit(self, work: Sequence[tuple[Origin, Batch]]) -> asyncio.Future[None]:
        """One future for all of them: a bundle of single sends is a batch for each."""
        done: asyncio.Future[None] = self._on.loop.create_future()
        work = [(origin, batch) for origin, batch in work if batch.count]
        left = len(work)
        if not left:
            done.set_result(None)
            return done

        def finished() -> None:
            nonlocal left
            left -= 1
            if not left and not done.done():
                done.set_result(None)

        def withdraw(_: asyncio.Future[None]) -> None:
            if left:
                for origin, batch in work:
                    self._pool(origin).withdraw(batch)

        done.add_done_callback(withdraw)
        for origin, batch in work:
            batch.on_done = finished
            self._pool(origin).submit(batch)
        return done

    def _pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(origin, self._on)
        return pool

    def _tick(self) -> None:
        now = self._on.loop.time()
        for origin, pool in tuple(self._pools.items()):
            pool.tick(now)
            if not pool.in_use and now - pool.used_at >= FORGOTTEN_AFTER:
                del self._pools[origin]
        self._part(now)
        self._on.watch.lowest(min((pool.limit for pool in self._pools.values()), default=None))
        pools = [pool.carries for pool in self._pools.values()]
        self._on.watch.open(*(sum(one) for one in zip(*pools, strict=True)) if pools else (0, 0, 0))
        self._ticking = self._on.loop.call_later(TICK, self._tick)

    async def close(self) -> None:
        """What is in flight is unknown from here on; what waits certainly was not processed."""
        self._ticking.cancel()
        links = [link for pool in self._pools.values() for link in pool.close()]
        goodbyes = [asyncio.ensure_future(link.gone.wait()) for link in links]
        if goodbyes:
            await asyncio.wait(goodbyes, timeout=GOODBYE_WITHIN)
        for link in links:
            link.abort()
        if goodbyes:
            await asyncio.wait(goodbyes)


def _results(batch: Batch) -> Results:
    return Results(batch.delivered, batch.failures, batch.latency, kept=batch.kept or {})


def _batch(parcel: Parcel) -> Batch:
    requests = parcel.requests
    return Batch(
        requests.count,
        tuple((name.encode(), value.encode()) for name, value in parcel.headers),
        requests.paths.encode() if isinstance(requests.paths, str) else list(map(str.encode, requests.paths)),
        requests.bodies,
        own=[(requests.id_header.encode(), list(map(str.encode, requests.ids)))] if requests.ids else [],
        lane=parcel.lane,
        fresh=parcel.fresh,
        timeout=REQUEST_TIMEOUT.total_seconds(),
        keep=parcel.keep,
    )


@asynccontextmanager
async def open_engine(
    ca_file: Path | None,
    *,
    environ: Mapping[str, str] | None = None,
    connections: int = CONNECTIONS,
    streams: int = STREAMS,
    scale: float = 1,
    watch: Watch | None = None,
) -> AsyncIterator[Engine]:
    """The engine, closed at the end.

    `environ` names the proxy; `scale` divides ramps and waits between connects (rehearsals).
    """
    loop = asyncio.get_running_loop()
    dialer = Dialer(ca_file, proxies(os.environ if environ is None else environ))
    rng = random.Random()  # noqa: S311  # jitter, not a secret
    async with asyncio.TaskGroup() as group:
        dials: set[asyncio.Task[None]] = set()

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            task = group.create_task(work)
            dials.add(task)
            task.add_done_callback(dials.discard)

        engine = Engine(
            Wiring(dialer, Turns(loop), spawn, loop, rng, scale, connections, streams, watch or Unwatched())
        )
        try:
            yield engine
        finally:
            await engine.close()
            for task in tuple(dials):
                task.cancel()
