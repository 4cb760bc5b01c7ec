"""Connections to one origin: as many as the need shows, replaced when they go, and who of the waiting goes next.

Long, because who goes next, on which connection, and whether there is another are one decision over one state.
"""

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import structlog

from services.delivery.http2.backoff import Backoff
from services.delivery.http2.batch import Batch
from services.delivery.http2.connection import Connection
from services.delivery.http2.dialing import Dialer, trouble_of
from services.delivery.http2.limit import RAMP, Limit
from services.delivery.http2.protocol import OVERHEAD, Link
from services.delivery.http2.turns import Turns
from services.delivery.http2.watch import Watch
from shared.flow.lane import Lane
from shared.flow.verdict import ConnectionTrouble, NotProcessed
from shared.providers.contract import Origin

PORTION: Final = 128
"""Requests that are built between two looks at the clock; fewer if they are large."""
PORTION_BYTES: Final = 64 * 1024
FULL_FOR: Final = 1.0
"""Seconds that all connections must be full, with requests waiting, before another is opened."""
REFRESH_EVERY: Final = 1.0
"""Seconds between two replacements because of refused requests."""
STREAMS_BACK_AFTER: Final = 60.0
"""Seconds after which a stream budget that was halved is doubled again."""
MANY: Final = 20
"""Requests that say something about a route if none is answered: a single one may be slow for its own reasons."""
HTTPS: Final = 443

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What pools stand on. `spawn` starts a task that the engine ends."""

    dialer: Dialer
    turns: Turns
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    loop: asyncio.AbstractEventLoop
    rng: random.Random
    scale: float
    connections: int
    streams: int
    watch: Watch


class Pool:
    """Lives as long as its origin is in use; shared by all batches that go there."""

    def __init__(self, origin: Origin, on: Wiring) -> None:
        self.used_at = on.loop.time()
        self._origin = origin
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        self._authority = host if origin.port == HTTPS else f"{host}:{origin.port}"
        self._on = on
        self._queues: dict[Lane, deque[Batch]] = {Lane.NOW: deque(), Lane.BULK: deque()}
        self._given_at: dict[Batch, float] = {}
        self._links: list[Link] = []
        self._dialing = False
        self._backoff = Backoff(on.rng, on.scale)
        self._served = 0
        self._unanswered = 0
        """Requests written since the last answer. What was written before may be a straggler, and says nothing."""
        self._quiet_since = self.used_at
        self._limit = Limit(on.connections * on.streams, on.scale, self.used_at)
        self._streams = on.streams
        self._halved_at = 0.0
        self._refreshed_at = float("-inf")
        self._full_since: float | None = None
        self._context: ssl.SSLContext | None = None

    # ── for the engine ───────────────────────────────────────────────────────────────────────────────────────────

    def submit(self, batch: Batch) -> None:
        """Requests that are written as soon as there is room."""
        now = self.used_at = self._on.loop.time()
        if not self._given_at and not self._unheard:
            self._unanswered, self._quiet_since = 0, now
        if batch.fresh:
            self._refresh(now)
        if self._backoff.outcome is not None and not self._usable() and not self._backoff.ready(now):
            batch.abandon(self._backoff.outcome, now)
            return
        self._queues[batch.lane].append(batch)
        self._given_at[batch] = now
        self._connect_if_needed(now)
        self._on.turns.ask(self, batch.lane)

    def withdraw(self, batch: Batch) -> None:
        """Nobody waits for it any more: what is not written yet will not be."""
        if self._given_at.pop(batch, None) is not None:
            self._queues[batch.lane].remove(batch)

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._adapt(now)
        for link in tuple(self._links):
            link.connection.tick(now)
            link.measure(now)
            self.heard(link)
            link.flush()
        for batch in [one for one, given_at in self._given_at.items() if now - given_at >= one.patience]:
            self.withdraw(batch)
            batch.abandon(NotProcessed("not_written_in_time"), now)
        if self._streams < self._on.streams and now - self._halved_at >= STREAMS_BACK_AFTER:
            self._streams, self._halved_at = min(self._on.streams, self._streams * 2), now
        self._connect_if_needed(now)

    def _adapt(self, now: float) -> None:
        """Fewer in flight, or more, by what came of those that were."""
        served = sum(link.connection.served for link in self._links)
        if served != self._served:
            self._served, self._unanswered, self._quiet_since = served, 0, now
        for link in self._links:
            self._limit.tell(link.news())
        before = self._limit.value
        why = self._limit.look(now)
        if why is not None and self._limit.value < before:
            log.info("concurrency_lowered", host=self._origin.host, why=why, limit=int(self._limit.value))
            self._on.watch.lowered(why)
        elif self._limit.value > before and self._given_at:
            self._on.turns.ask(self, self._lane)

    @property
    def _lane(self) -> Lane:
        """Of what is to be written next."""
        return Lane.NOW if self._queues[Lane.NOW] else Lane.BULK

    @property
    def limit(self) -> int:
        """How many requests may be in flight."""
        return int(self._limit.value)

    def quiet(self, now: float) -> float:
        """Seconds for which many have waited without an answer to any of them; 0 if there are not many."""
        waiting = self._unheard + sum(batch.count - batch.taken for batch in self._given_at)
        return now - self._quiet_since if waiting >= MANY else 0.0

    @property
    def _unheard(self) -> int:
        """Requests that wait, written since the last answer. Those that were given up wait no more: a route by which
        nothing waits is not silent, and may be tried again.
        """
        return min(self._unanswered, self.in_flight) if self._unanswered else 0

    @property
    def typical(self) -> float:
        """Seconds of an answer, by the connection that takes longest."""
        return max((link.connection.typical for link in self._links), default=0.0)

    @property
    def in_flight(self) -> int:
        """Requests that were written and have no outcome."""
        return sum(link.connection.in_flight for link in self._links)

    @property
    def carries(self) -> tuple[int, int, int]:
        """Connections, the requests on them that have no outcome, and how many they would carry."""
        return len(self._links), self.in_flight, sum(link.connection.allowed for link in self._links)

    def open_of(self, batches: Collection[Batch]) -> dict[Batch, list[int]]:
        """Which requests of these batches were written and have no outcome."""
        found: dict[Batch, list[int]] = {}
        for link in self._links:
            for batch, index in link.connection.open_of(batches):
                found.setdefault(batch, []).append(index)
        return found

    @property
    def in_use(self) -> bool:
        """Whether there is anything that would be lost with it."""
        return bool(self._links or self._given_at or self._dialing)

    def close(self) -> list[Link]:
        """Ends everything; the links are still saying goodbye."""
        now = self._on.loop.time()
        self._fail_waiting(NotProcessed("closing"), now)
        for link in self._links:
            link.noted = True
            link.connection.close("closing", now)
            link.flush()
        return list(self._links)

    # ── writing, in a turn ───────────────────────────────────────────────────────────────────────────────────────

    def write(self, lane: Lane, until: float) -> bool:
        """Builds frames until that time; True if it could go on."""
        queue = self._queues[lane]
        now = self._on.loop.time()
        if not queue:
            if lane is Lane.BULK:
                self._see_whether_full(now, limited=False)
            return False
        in_flight = self.in_flight
        allowed, in_time = self._limit.room(lane, in_flight), True
        while queue and allowed:
            in_time = perf_counter() < until
            if not in_time:
                break
            link = max(self._links, key=lambda one: one.room(lane), default=None)
            room = link.room(lane) if link is not None else 0
            if link is None or not room:
                break
            sent = self._write_to(link, queue, min(room, allowed), now)
            allowed -= sent
            in_flight += sent
        self._limit.carries(in_flight)
        if not in_time:
            return True
        if lane is Lane.BULK:
            self._see_whether_full(now, limited=not allowed)
        return bool(queue and allowed) and any(link.spent for link in self._links)

    def _write_to(self, link: Link, queue: deque[Batch], room: int, now: float) -> int:
        batch = queue[0]
        portion = max(1, min(PORTION, PORTION_BYTES // (batch.widest_body + OVERHEAD)))
        n = min(room, portion, batch.count - batch.taken)
        sent = link.connection.send(batch, batch.taken, batch.taken + n, now)
        batch.taken += sent
        self._unanswered += sent
        link.spend(sent, n, batch.widest_body)
        if batch.taken == batch.count:
            batch.written_at = now
            queue.popleft()
            del self._given_at[batch]
        return sent

    def flush(self) -> None:
        """Hands what was built to the sockets."""
        for link in tuple(self._links):
            link.flush()

    def _see_whether_full(self, now: float, *, limited: bool) -> None:
        """It is not if another connection would not help."""
        if not self._given_at or limited:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now

    # ── connections ──────────────────────────────────────────────────────────────────────────────────────────────

    def _usable(self) -> list[Link]:
        return [link for link in self._links if link.connection.usable]

    def _connect_if_needed(self, now: float) -> None:
        if self._dialing or not self._given_at or not self._backoff.ready(now):
            return
        usable = self._usable()
        full = self._full_since is not None and now - self._full_since >= FULL_FOR
        serving = all(link.connection.ready and not link.connection.cold and not link.fast for link in usable)
        if usable and not (full and serving and len(usable) < self._on.connections):
            return
        self._full_since = None
        self._dialing = True
        self._on.spawn(self._dial())

    async def _dial(self) -> None:
        connection = Connection(
            self._authority.encode(), self._on.loop.time(), streams=self._streams, warm_up=self._origin.warm_up,
            ramp=RAMP / self._on.scale,
        )  # fmt: skip
        try:
            if self._context is None:
                self._context = await self._on.dialer.context(self._origin)
            await self._on.dialer.dial(self._origin, self._context, lambda: Link(connection, self))
        except (OSError, UnicodeError) as error:  # a host name that cannot be one is a UnicodeError
            log.warning("connect_failed", host=self._origin.host, port=self._origin.port, error=repr(error))
            ours = self._context is None and isinstance(error, ssl.SSLError)  # the client certificate cannot be read
            trouble = ConnectionTrouble.CERTIFICATE_REFUSED if ours else trouble_of(error)
            self._on.watch.connected(fine=False)
            self._failed(NotProcessed("no_connection", trouble))
        except Exception:
            # A fault of ours: who waits must not wait for ever.
            log.exception("connect_fault", host=self._origin.host, port=self._origin.port)
            self._on.watch.connected(fine=False)
            self._failed(NotProcessed("no_connection", ConnectionTrouble.UNREACHABLE))
        finally:
            self._dialing = False

    def _failed(self, outcome: NotProcessed | None) -> None:
        now = self._on.loop.time()
        self._backoff.failed(outcome, now)
        if self._backoff.outcome is not None and not self._usable():
            self._fail_waiting(self._backoff.outcome, now)

    def _fail_waiting(self, outcome: NotProcessed, now: float) -> None:
        waiting = list(self._given_at)
        self._given_at.clear()
        for queue in self._queues.values():
            queue.clear()
        for batch in waiting:
            batch.abandon(outcome, now)

    def _refresh(self, now: float) -> None:
        """Connections that have refused something take no more, so that what was refused goes another way."""
        if now - self._refreshed_at < REFRESH_EVERY:
            return
        for link in self._usable():
            if link.connection.suspect:
                self._refreshed_at = now
                link.noted = True
                link.connection.drain()
                link.flush()

    # ── what links tell ──────────────────────────────────────────────────────────────────────────────────────────

    def opened(self, link: Link) -> None:
        """TLS is up; there is room as soon as the peer's SETTINGS have come."""
        self._links.append(link)
        self._on.watch.connected(fine=True)

    def hearing(self) -> None:
        """The turn is asked for before answers wake anybody, so that it comes before them in its lane."""
        if self._given_at:
            self._on.turns.ask(self, self._lane)

    def heard(self, link: Link) -> None:
        """Answers, or room to write."""
        if link.connection.served and self._backoff.outcome is not None:
            self._backoff.succeeded()
        if not link.connection.usable:
            self._conclude(link, None)
        self._on.turns.ask(self, self._lane)

    def lost(self, link: Link, error: Exception | None) -> None:
        """TCP has ended."""
        if link in self._links:
            self._limit.tell(link.news())
            self._links.remove(link)
        self._conclude(link, error)

    def _conclude(self, link: Link, error: Exception | None) -> None:
        """What a connection's end means for the next one. A replacement is had if somebody waits."""
        if link.noted:
            return
        link.noted = True
        ended, now = link.connection, self._on.loop.time()
        if ended.goaway_code is not None:
            self._on.watch.goaway(ended.goaway_code)
        log.info("connection_over", host=self._origin.host, reason=ended.goaway_reason or ended.dead or "goaway")
        if ended.too_many_streams:
            self._streams, self._halved_at = max(1, self._streams // 2), now
        if ended.served:
            self._backoff.succeeded()
        elif ended.goaway_reason is not None:
            self._failed(NotProcessed(ended.goaway_reason))
        elif not ended.ready:
            trouble = ConnectionTrouble.UNREACHABLE if error is None else trouble_of(error)
            self._failed(NotProcessed("no_connection", trouble))
        else:
            self._failed(None)
        self._connect_if_needed(now)
