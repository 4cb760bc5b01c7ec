"""An HTTP server that answers as a list says, one entry a request: bytes, or nothing and a connection that ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class FarEnd:
    """Its address, and every request that it had: the first line, and the headers."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    open: int = 0
    """Connections that are open now."""


def said(status: int, body: Any = None, **headers: str) -> bytes:
    """An answer; the connection stays."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(content)}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def stream(*events: bytes) -> bytes:
    """The beginning of a stream of events; the connection ends after it."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\nretry: 1000\n\n"
    return head + b"".join(events)


@asynccontextmanager
async def far_end(answers: Sequence[bytes]) -> AsyncIterator[FarEnd]:
    """The server. Empty bytes end the connection without an answer; past the end of the list the last one counts."""
    here = FarEnd()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.open += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                await reader.readexactly(int(headers.get("content-length", 0)))
                answer = answers[min(len(here.asked), len(answers) - 1)]
                here.asked.append((first, headers))
                writer.write(answer)
                await writer.drain()
                if not answer or b"connection: close" in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            here.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield here
    finally:
        server.close()
