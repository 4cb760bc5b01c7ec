"""Serves a provider's rules on a TLS port: HTTP/2 on python-hyper's h2, and HTTP/1.1 on h11 where the provider has it.

    class Echo(Handler):
        def answer(self, request: Request) -> Answer:
            return Response(200, body=request.body)

    async with serve(Echo(), tls=authority.server_context(("h2", "http/1.1"))) as server:
        print(server.port)

Which protocols are spoken is decided by the ALPN names in the TLS context. A client that agrees on none of them is
disconnected, unless `http1=True` takes a client without ALPN as one of HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import cast

from services.simulator.exchange import (
    Answer,
    Connection,
    Drop,
    Excess,
    Handler,
    Headers,
    Request,
    Reset,
    Response,
    Then,
)
from services.simulator.http1 import Http1Connection
from services.simulator.http2 import Http2Connection

__all__ = [
    "Answer",
    "Connection",
    "Drop",
    "Excess",
    "Handler",
    "Headers",
    "Request",
    "Reset",
    "Response",
    "Server",
    "Then",
    "serve",
]

SWEEP_EVERY = 0.25  # seconds
BACKLOG = 1024

_connection_ids = count(1)  # unique in the process, so that one log tells the connections of all ports apart


class Server:
    """A listening port and its live connections. Closed by `serve`."""

    def __init__(self, handler: Handler, *, plain_http1: bool) -> None:
        self.handler = handler
        self.connections: set[Connection] = set()
        self.host = ""
        self.port = 0
        self._plain_http1 = plain_http1

    def protocol(self) -> asyncio.Protocol:
        """The protocol of one TCP connection, chosen after the TLS handshake."""
        return _Chooser(self)

    def choose(self, alpn: str | None) -> type[Http1Connection | Http2Connection] | None:
        """Which protocol serves a client that agreed on this ALPN name."""
        if alpn == "h2":
            return Http2Connection
        if alpn == "http/1.1" or (alpn is None and self._plain_http1):
            return Http1Connection
        return None

    def sweep(self) -> None:
        """Let the handler apply its rules about idleness and age."""
        for connection in tuple(self.connections):
            self.handler.sweep(connection)

    def start_sweeping(self) -> None:
        """Sweep now and every quarter of a second."""
        self.sweep()
        self._timer = asyncio.get_running_loop().call_later(SWEEP_EVERY, self.start_sweeping)

    def stop(self) -> None:
        """Stop sweeping and end every connection."""
        self._timer.cancel()
        for connection in tuple(self.connections):
            connection.close()


class _Chooser(asyncio.Protocol):
    """Stands in until ALPN is known, then hands the transport over."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        secured = cast("asyncio.Transport", transport)
        chosen = self._server.choose(secured.get_extra_info("ssl_object").selected_alpn_protocol())
        if chosen is None:
            secured.abort()
            return
        protocol = chosen(next(_connection_ids), self._server.handler, self._server.connections)
        secured.set_protocol(protocol)
        protocol.connection_made(secured)


@asynccontextmanager
async def serve(
    handler: Handler, *, tls: ssl.SSLContext, host: str = "127.0.0.1", port: int = 0, http1: bool = False
) -> AsyncIterator[Server]:
    """Listen until the block ends; `http1` also takes clients without ALPN, as HTTP/1.1 ones."""
    server = Server(handler, plain_http1=http1)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(server.protocol, host, port, ssl=tls, backlog=BACKLOG)
    server.host, server.port = listener.sockets[0].getsockname()[:2]
    server.start_sweeping()
    try:
        yield server
    finally:
        listener.close()
        server.stop()
        await listener.wait_closed()
