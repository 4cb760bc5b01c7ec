"""One HTTP/1.1 keep-alive connection of a simulator, on h11; a handler sees the same requests as on HTTP/2."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, cast

import h11
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from services.simulator.exchange import Connection, Drop, Handler, Request, Reset, Response, Then


class Http1Connection(asyncio.Protocol):
    """See `exchange.Connection`. Streams are numbered 1, 3, 5 … as HTTP/2 would; one is in flight at a time."""

    protocol = "http/1.1"
    limit = 1

    def __init__(self, number: int, handler: Handler, live: set[Connection]) -> None:
        self.id = number
        self.peer = ""
        self.certificate: bytes | None = None
        self.state: dict[str, Any] = {}
        self.requests = 0
        self.opened_at = self.active_at = handler.now()
        self.in_flight = 0
        self._handler = handler
        self._live = live
        self._h11 = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._last = False  # close after the answer in flight
        self._deaf = False
        self._loop = asyncio.get_running_loop()

    def change_settings(self, changes: Mapping[SettingCodes, int]) -> None:
        """HTTP/1.1 has none."""

    def goaway(
        self,
        *,
        last_stream_id: int | None = None,
        error: ErrorCodes = ErrorCodes.NO_ERROR,  # noqa: ARG002  the interface is HTTP/2's
        debug: bytes = b"",  # noqa: ARG002  the same
        then: Then = Then.DRAIN,
    ) -> int:
        """Close: after the answer in flight, or at once."""
        self._last = True
        if then is Then.CLOSE or not self.in_flight:
            self._transport.close()
        return 2 * self.requests - 1 if last_stream_id is None else last_stream_id

    def close(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer = transport.get_extra_info("peername")[0]
        self.certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if not self._handler.accept(self):
            self._transport.abort()
            return
        self._live.add(self)
        self._handler.opened(self)

    def data_received(self, data: bytes) -> None:
        self._deaf = self._deaf or self._handler.deaf(self)
        if self._deaf or self._transport.is_closing():
            return
        self.active_at = self._handler.now()
        self._h11.receive_data(data)
        self._read()

    def eof_received(self) -> None:
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's interface
        self._live.discard(self)

    def _read(self) -> None:
        try:
            while not self.in_flight:
                event = self._h11.next_event()
                if event in (h11.NEED_DATA, h11.PAUSED):
                    return
                self._take(event)
        except h11.RemoteProtocolError:
            self._transport.close()

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Request):
            self._head, self._body = event, bytearray()
            if self._h11.they_are_waiting_for_100_continue:
                self._write(h11.InformationalResponse(status_code=100, headers=[]))
        elif isinstance(event, h11.Data):
            self._body += event.data
        elif isinstance(event, h11.EndOfMessage) and self._head is not None:
            self._answer(self._head)

    def _answer(self, head: h11.Request) -> None:
        headers = [(name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in head.headers]
        host = next((value for name, value in headers if name == "host"), "")
        pseudo = (
            (":method", head.method.decode()),
            (":scheme", "https"),
            (":path", head.target.decode("utf-8", "surrogateescape")),
            (":authority", host),
        )
        self.requests += 1
        self.in_flight = 1
        number = 2 * self.requests - 1
        request = Request(self, number, (*pseudo, *headers), bytes(self._body), time.time())
        answer = self._handler.answer(request)
        if answer is Drop.CLOSE:
            self._transport.abort()
        elif isinstance(answer, Response | Reset):
            self._loop.call_later(answer.after, self._send, request, answer)

    def _send(self, request: Request, answer: Response | Reset) -> None:
        if self._transport.is_closing():
            return
        if isinstance(answer, Reset):
            self._transport.abort()
            return
        self.active_at = self._handler.now()
        length = [] if answer.status == 204 else [("content-length", str(len(answer.body)))]  # noqa: PLR2004  RFC 9110
        ending = [("connection", "close")] if self._last else []
        head = h11.Response(status_code=answer.status, headers=[*answer.headers, *length, *ending])
        for event in (head, h11.Data(data=answer.body), h11.EndOfMessage()):
            self._write(event)
        self.in_flight = 0
        self._handler.answered(request, answer)
        if self._h11.our_state is h11.MUST_CLOSE:
            self._transport.close()
            return
        self._h11.start_next_cycle()
        self._read()

    def _write(self, event: Any) -> None:
        data = self._h11.send(event)
        if data:
            self._transport.write(data)
