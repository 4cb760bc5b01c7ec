"""The far ends at which the transport rows of table E.1 happen: each a server, and what its row is on the wire."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from h2.errors import ErrorCodes
from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, RstStreamFrame

from services.simulator.certificates import Authority
from services.simulator.exchange import Connection
from services.simulator.wire import serve
from tests.integration.http2.provider import AUTHORITY, Provider
from tests.integration.transport.raw_server import OK, Deed, answered, frame, raw_server

ELSEWHERE = Authority(("elsewhere.example",))
"""Trusted by the tests' clients, for another name."""


@dataclass(frozen=True, slots=True)
class FarEnd:
    """Where to send to, and through which proxy."""

    port: int
    host: str = "localhost"
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """A row of the table, by the name of its case, as it happens on a wire; `reason` is our word for it."""

    row: str
    about: str
    open: Callable[[], AbstractAsyncContextManager[FarEnd]]
    reason: str

    def __str__(self) -> str:
        return f"{self.row.partition(' ')[0]}: {self.about}"


# ── no connection ────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def nobody() -> AsyncIterator[FarEnd]:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    yield FarEnd(port)


@asynccontextmanager
async def no_such_name() -> AsyncIterator[FarEnd]:
    """RFC 6761 keeps `invalid` without an address."""
    yield FarEnd(443, "no-such-host.invalid")


@asynccontextmanager
async def hanging_up(heard: int) -> AsyncIterator[FarEnd]:
    """TCP ends after so many bytes of the TLS handshake."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(heard)
        writer.transport.abort()

    async with await asyncio.start_server(one, "127.0.0.1", 0) as listener:
        yield FarEnd(listener.sockets[0].getsockname()[1])


class Unwilling(Provider):
    """TLS comes about, and nothing else."""

    def accept(self, connection: Connection) -> bool:  # noqa: ARG002  # nobody is
        return False


@asynccontextmanager
async def served(
    provider: Provider, authority: Authority = AUTHORITY, alpn: tuple[str, ...] = ("h2",)
) -> AsyncIterator[FarEnd]:
    async with serve(provider, tls=authority.server_context(alpn), http1=True) as server:
        yield FarEnd(server.port)


@asynccontextmanager
async def demanding_a_certificate() -> AsyncIterator[FarEnd]:
    """Says so by an alert that is sure to arrive: asyncio's own TLS ends TCP before it is out."""
    context = AUTHORITY.server_context(("h2",), client_certificates=True)
    context.verify_mode = ssl.CERT_REQUIRED

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        with contextlib.suppress(OSError):
            with contextlib.suppress(ssl.SSLError):
                while not _handshaken(tls):
                    writer.write(outgoing.read())
                    incoming.write(await reader.read(65_536))
            writer.write(outgoing.read())
            writer.write_eof()
            await reader.read()
        writer.close()

    async with await asyncio.start_server(one, "127.0.0.1", 0) as listener:
        yield FarEnd(listener.sockets[0].getsockname()[1])


def _handshaken(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


@asynccontextmanager
async def a_proxy_that_says(status: bytes) -> AsyncIterator[FarEnd]:
    """The provider behind it would answer."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with (
        await asyncio.start_server(one, "127.0.0.1", 0) as listener,
        serve(Provider(), tls=AUTHORITY.server_context(("h2",))) as server,
    ):
        proxy = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        yield FarEnd(server.port, environ={"HTTPS_PROXY": proxy})


# ── a connection, and then ───────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def doing(deed: Deed) -> AsyncIterator[FarEnd]:
    async with raw_server(deed) as raw:
        yield FarEnd(raw.port)


def reset(code: ErrorCodes, stream: int) -> bytes:
    return RstStreamFrame(stream, code).serialize()


def goaway(stream: int, *, above: bool, code: int = 0, debug: bytes = b"") -> bytes:
    """A GOAWAY that leaves this stream above its last one, or not."""
    return GoAwayFrame(0, last_stream_id=0 if above else stream, error_code=code, additional_data=debug).serialize()


def half(stream: int) -> bytes:
    """The head of an answer and the first bytes of its body."""
    head = HeadersFrame(stream, data=OK, flags=["END_HEADERS"])
    return head.serialize() + DataFrame(stream, b'{"name":').serialize()


def _after(deed: Deed) -> Callable[[], AbstractAsyncContextManager[FarEnd]]:
    return partial(doing, deed)


_TIMER, _LOST, _TIMED_BELOW = (
    "unknown timer", "unknown reset or lost", "unknown GOAWAY at or below last id: waited for until the timer fired",
)  # fmt: skip
_CALM = partial(goaway, above=True, code=ErrorCodes.ENHANCE_YOUR_CALM)
_EXCESS = partial(goaway, above=True, code=ErrorCodes.PROTOCOL_ERROR, debug=b"exceeded_max_concurrent_streams")
_ABOVE, _BELOW = partial(goaway, above=True), partial(goaway, above=False)

SITUATIONS = (
    Situation("unreachable", "nobody listens", nobody, "no_connection"),
    Situation("unreachable", "the name has no address", no_such_name, "no_connection"),
    Situation("unreachable", "TCP ends before TLS", partial(hanging_up, 0), "no_connection"),
    Situation("unreachable", "TCP ends within TLS", partial(hanging_up, 64), "no_connection"),
    Situation("unreachable", "TCP ends before SETTINGS", lambda: served(Unwilling()), "no_connection"),
    Situation("certificate_refused", "by an alert after our handshake", demanding_a_certificate, "no_connection"),
    Situation("peer_not_trusted", "another authority", lambda: served(Provider(), Authority()), "no_connection"),
    Situation("peer_not_trusted", "another name", lambda: served(Provider(), ELSEWHERE), "no_connection"),
    Situation("peer_not_trusted", "HTTP/1.1 only", lambda: served(Provider(), alpn=("http/1.1",)), "no_connection"),
    Situation("peer_not_trusted", "no ALPN", lambda: served(Provider(), alpn=()), "no_connection"),
    Situation("proxy_refused", "407 to CONNECT", partial(a_proxy_that_says, b"407 Who is it"), "no_connection"),
    Situation("unreachable", "502 to CONNECT", partial(a_proxy_that_says, b"502 Bad Gateway"), "no_connection"),
    Situation(
        "not_processed", "REFUSED_STREAM",
        _after(Deed(partial(reset, ErrorCodes.REFUSED_STREAM))), "refused_stream",
    ),
    Situation("not_processed GOAWAY above last id", "GOAWAY", _after(Deed(_ABOVE)), "goaway_no_error"),
    Situation("not_processed GOAWAY above last id", "GOAWAY, TCP ends", _after(Deed(_ABOVE, end=True)),
              "goaway_no_error"),
    Situation("too_many_streams", "ENHANCE_YOUR_CALM", _after(Deed(_CALM)), "goaway_enhance_your_calm"),
    Situation("too_many_streams", "as Firebase says it", _after(Deed(_EXCESS)), "goaway_protocol_error"),
    Situation(_TIMED_BELOW, "GOAWAY at its id, then silence", _after(Deed(_BELOW)), "timeout"),
    Situation("200", "GOAWAY at its id, then the answer", _after(Deed(_BELOW, then=answered)), ""),
    Situation(_TIMER, "silence", _after(Deed()), "timeout"),
    Situation(_TIMER, "half an answer, then silence", _after(Deed(half)), "timeout"),
    Situation(_LOST, "RST_STREAM", _after(Deed(partial(reset, ErrorCodes.INTERNAL_ERROR))), "reset_internal_error"),
    Situation(_LOST, "TCP ends", _after(Deed(end=True)), "connection_lost"),
    Situation(_LOST, "TCP ends within an answer", _after(Deed(half, end=True)), "connection_lost"),
    Situation(_LOST, "REFUSED_STREAM within an answer",
              _after(Deed(lambda n: half(n) + reset(ErrorCodes.REFUSED_STREAM, n))), "reset_refused_stream"),
    Situation(_LOST, "bytes that are no frames", _after(Deed(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n")),
              "frame_too_large"),
    Situation(_LOST, "an answer to a request that was none", _after(Deed(lambda n: answered(n + 2))),
              "frame_on_an_idle_stream"),
    Situation(_LOST, "a header block that is none", _after(Deed(lambda n: frame(1, 5, n, b"\xff" * 6))),
              "header_block_cannot_be_read"),
)  # fmt: skip
