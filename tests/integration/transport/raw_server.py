"""An HTTP/2 server that does to the first request whatever bytes can do; everything that follows is answered 200."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hyperframe.frame import Frame, HeadersFrame, PingFrame, SettingsFrame

from tests.integration.http2.provider import AUTHORITY

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
OK = b"\x88"  # :status 200 (RFC 7541, appendix A)


@dataclass(frozen=True, slots=True)
class Deed:
    """What the server writes when a request's head has come, and whether TCP ends then; `later`: seconds after it."""

    write: Callable[[int], bytes] = lambda _: b""
    end: bool = False
    then: Callable[[int], bytes] | None = None
    later: float = 0.1


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame; also such as no library would make."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def answered(stream: int) -> bytes:
    """200, and that is all."""
    answer = HeadersFrame(stream, data=OK, flags=["END_HEADERS", "END_STREAM"])
    return answer.serialize()


@dataclass(slots=True)
class Raw:
    """What the server saw."""

    deed: Deed
    port: int = 0
    done: int = 0
    """Requests that the deed was done to; one is enough, the next connection may find a better world."""
    streams: list[int] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            await reader.readexactly(len(PREFACE))
            writer.write(SettingsFrame(0, {SettingsFrame.MAX_CONCURRENT_STREAMS: 100}).serialize())
            while not writer.is_closing():
                await self._one(reader, writer)
        writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(9)
        one, size = Frame.parse_frame_header(memoryview(head))
        one.parse_body(memoryview(await reader.readexactly(size)))
        if isinstance(one, SettingsFrame) and "ACK" not in one.flags:
            writer.write(SettingsFrame(0, flags=["ACK"]).serialize())
        elif isinstance(one, PingFrame) and "ACK" not in one.flags:
            writer.write(PingFrame(0, one.opaque_data, flags=["ACK"]).serialize())
        elif "END_STREAM" in one.flags:
            self.streams.append(one.stream_id)
            await self._do(one.stream_id, writer)

    async def _do(self, stream: int, writer: asyncio.StreamWriter) -> None:
        if self.done:
            writer.write(answered(stream))
            return
        self.done += 1
        writer.write(self.deed.write(stream))
        if self.deed.then is not None:
            await asyncio.sleep(self.deed.later)
            writer.write(self.deed.then(stream))
        if self.deed.end:
            await writer.drain()
            writer.close()


@asynccontextmanager
async def raw_server(deed: Deed) -> AsyncIterator[Raw]:
    """Listens with the certificate that the tests' clients trust."""
    raw = Raw(deed)
    context = AUTHORITY.server_context(("h2",))
    listener = await asyncio.start_server(raw.serve, "127.0.0.1", 0, ssl=context)
    raw.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield raw
        for task in raw.tasks:
            task.cancel()
        await asyncio.gather(*raw.tasks, return_exceptions=True)
