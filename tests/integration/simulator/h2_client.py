"""A small HTTP/2 client on h2 that shows what a server does frame by frame, and obeys only as far as a test wants."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h2.connection as h2c
from h2 import events
from h2.config import H2Configuration
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame

LIMIT = SettingCodes.MAX_CONCURRENT_STREAMS
PATIENCE = 20.0  # seconds until a test gives up


class _Machine(h2c.H2ConnectionStateMachine):
    """Streams at or below a GOAWAY's last-stream-id are still answered (RFC 9113 section 6.8)."""

    _transitions = {  # noqa: RUF012
        **h2c.H2ConnectionStateMachine._transitions,
        (h2c.ConnectionState.CLIENT_OPEN, h2c.ConnectionInputs.RECV_GOAWAY): (None, h2c.ConnectionState.CLIENT_OPEN),
    }


@dataclass(slots=True)
class Reply:
    """What a stream got. `ended`: with END_STREAM; `reset`: an RST_STREAM code."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    frames: int = 0  # of DATA
    ended: bool = False
    reset: int | None = None

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


class Client(asyncio.Protocol):
    """One connection. `settings` lists the values of every SETTINGS frame, `log` all events in order."""

    def __init__(self) -> None:
        self.h2 = h2c.H2Connection(H2Configuration(header_encoding="utf-8", validate_outbound_headers=False))
        self.h2.state_machine = _Machine()
        self.settings: list[Mapping[SettingCodes, int]] = []
        self.goaways: list[events.ConnectionTerminated] = []
        self.log: list[events.Event] = []
        self.replies: dict[int, Reply] = {}
        self.pongs = 0
        self.closed = False
        self.next_stream = 1
        self.acknowledge = True  # False: never open the receiving windows again
        self._changed = asyncio.Event()

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, headers: list[tuple[str, str]], body: bytes = b"", *, end: bool = True, **priority: Any) -> int:
        """Start a request without waiting; its stream."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        self.replies[stream] = Reply()
        # h2 refuses to open more streams than the server allows; a test may want to
        self.h2.remote_settings[LIMIT] = 2**31 - 1
        self.h2.remote_settings.acknowledge()
        self.h2.send_headers(stream, headers, end_stream=end and not body, **priority)
        if body:
            self.h2.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def send_whatever_the_window(self, headers: list[tuple[str, str]], body: bytes) -> int:
        """A request whose DATA frame ignores flow control."""
        stream = self.send(headers, end=False)
        frame = DataFrame(stream, data=body, flags=["END_STREAM"])
        self.transport.write(frame.serialize())
        return stream

    async def request(self, headers: list[tuple[str, str]], body: bytes = b"") -> Reply:
        """A request and its answer (or reset, or the end of the connection)."""
        return await self.reply(self.send(headers, body))

    async def reply(self, stream: int) -> Reply:
        found = self.replies[stream]
        await self.until(lambda: found.ended or found.reset is not None or self.closed)
        return found

    async def until(self, true: Any, *, within: float = PATIENCE) -> None:
        """Wait until something holds; fails with TimeoutError."""
        async with asyncio.timeout(within):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())

    @property
    def limit(self) -> int:
        """MAX_CONCURRENT_STREAMS as last advertised."""
        return next(values[LIMIT] for values in reversed(self.settings) if LIMIT in values)

    # ── asyncio ──────────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.h2.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        self.flush()
        for event in self.h2.receive_data(data):
            self.log.append(event)
            self._take(event)
        self.flush()
        self._changed.set()

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True
        self._changed.set()

    def _take(self, event: events.Event) -> None:
        match event:
            case events.RemoteSettingsChanged():
                self.settings.append({SettingCodes(k): v.new_value for k, v in event.changed_settings.items()})
            case events.ResponseReceived():
                reply = self.replies[event.stream_id]
                reply.headers = [(str(name), str(value)) for name, value in event.headers]
                reply.status = int(dict(reply.headers)[":status"])
            case events.DataReceived():
                self.replies[event.stream_id].body += event.data
                self.replies[event.stream_id].frames += bool(event.data)
                if self.acknowledge:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case events.StreamEnded():
                self.replies[event.stream_id].ended = True
            case events.StreamReset():
                self.replies[event.stream_id].reset = int(event.error_code)
            case events.ConnectionTerminated():
                self.goaways.append(event)
            case events.PingAckReceived():
                self.pongs += 1
            case _:
                pass


@asynccontextmanager
async def connected(port: int, tls: ssl.SSLContext, host: str = "127.0.0.1") -> AsyncIterator[Client]:
    """A connection that has seen the server's SETTINGS (or was closed)."""
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(Client, host, port, ssl=tls)
    try:
        await client.until(lambda: client.settings or client.closed)
        yield client
    finally:
        transport.abort()
        if not client.closed:
            await client.until(lambda: client.closed)
