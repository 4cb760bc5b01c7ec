"""Between a socket and a connection: bytes in, one write a loop turn out, and how much of it may wait unsent."""

import asyncio
import socket
from typing import Final, Protocol, cast

import structlog

from services.delivery.http2.connection import Connection
from services.delivery.http2.dialing import speaks_h2
from services.delivery.http2.news import News
from shared.flow.lane import Lane

UNSENT: Final = 128 * 1024
"""Bytes that the kernel holds unsent at most, so that a request of the lane `now` does not queue behind more."""
BUFFERED: Final = 64 * 1024
"""Bytes that wait in the process before writing is paused."""
UNACKNOWLEDGED: Final = 20_000
"""Milliseconds after which the kernel gives up on bytes that the peer does not acknowledge."""
A_TURN: Final = 256 * 1024
"""Bytes built for one connection in one loop turn, about."""
OVERHEAD: Final = 256
"""Bytes of a request beside its body, about."""
FAST: Final = 10_000
"""Answers a second."""
CROWD: Final = 512
"""Bulk requests in flight on a connection whose peer is busy: more would only queue there, and `now` behind them."""

log = structlog.get_logger()


class Owner(Protocol):
    """Who is told what happens to a link."""

    def opened(self, link: "Link") -> None:
        """TLS is up."""
        ...

    def hearing(self) -> None:
        """Bytes have come and are read next: what waits is to be written before those whom answers wake go on.

        Else the peer has nothing to do while chunks are closed and the next ones looked up. Measured: 1.5 times as many
        notifications a second, on one connection.
        """
        ...

    def heard(self, link: "Link") -> None:
        """Something came in, or there is room to write again."""
        ...

    def lost(self, link: "Link", error: Exception | None) -> None:
        """TCP has ended."""
        ...


class Link(asyncio.Protocol):
    """One TCP connection's life. Made by a pool, which is its owner."""

    def __init__(self, connection: Connection, owner: Owner) -> None:
        self.connection = connection
        self.gone = asyncio.Event()
        self.noted = False
        """The owner has drawn its conclusions from this connection's end."""
        self.fast = False
        """It carries so many requests that it is not streams that are missing, should they be all in use."""
        self._owner = owner
        self._counted, self._counted_at = 0, 0.0
        self._told = News()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._paused = False
        self._stuck = False
        self._budget = A_TURN

    def measure(self, now: float) -> None:
        """Looks now and then at how much it carries."""
        since = now - self._counted_at
        if since >= 1:
            rate = (self.connection.served - self._counted) / since
            self.fast = rate > FAST and self.connection.queueing
            self._counted, self._counted_at = self.connection.served, now

    def news(self) -> News:
        """What came of requests since this was last asked."""
        before, self._told = self._told, self.connection.news
        return self._told.less(before)

    def room(self, lane: Lane) -> int:
        """How many requests may be opened now."""
        if self._paused or self._stuck or self._budget <= 0:
            return 0
        room = self.connection.room(lane)
        return max(0, min(room, CROWD - self.connection.in_flight)) if self.fast and lane is Lane.BULK else room

    @property
    def spent(self) -> bool:
        """Whether only this turn's budget is in the way."""
        return self._budget <= 0 and not self._paused

    def spend(self, requests: int, wished: int, size: int) -> None:
        """So many requests of about that size were built. Fewer than wished: the peer's windows are full."""
        self._budget -= requests * (size + OVERHEAD)
        self._stuck = requests < wished

    def flush(self) -> None:
        """Writes what was built. Closes what is over."""
        self._budget = A_TURN
        if self._transport is None or self._transport.is_closing():
            return
        if self.connection.finished and self.connection.dead is None:
            self.connection.close("drained", self._loop.time())
        data = self.connection.take()
        if data:
            self._transport.write(data)
        if self.connection.dead is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends TCP at once."""
        if self._transport is not None:
            self._transport.abort()

    # ── asyncio's side ───────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not speaks_h2(transport):
            return  # the dialer ends it
        self._transport = cast("asyncio.Transport", transport)
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED)
        self._transport.set_write_buffer_limits(BUFFERED)
        self._owner.opened(self)
        self.flush()

    def data_received(self, data: bytes) -> None:
        self._owner.hearing()
        try:
            self.connection.receive(data, self._loop.time())
        except Exception:
            # A fault of ours: this connection's requests are unknown, the other connections go on.
            log.exception("http2_fault")
            self.connection.close("fault", self._loop.time())
        self._stuck = False
        self._owner.heard(self)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._owner.heard(self)

    def eof_received(self) -> None:
        """TLS is closed by both sides together."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.lost("connection_lost", self._loop.time())
        self.gone.set()
        if self._transport is not None:
            self._owner.lost(self, exc)
