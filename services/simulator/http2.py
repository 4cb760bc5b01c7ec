"""One HTTP/2 connection of a simulator: bytes in, whole requests to the handler, its answers out, windows honoured.

Long, because one protocol has one state: streams, windows and the order of what is written belong together.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from h2 import events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

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
from services.simulator.lenient_h2 import LenientH2

DRAIN_LIMIT = 30.0  # seconds a connection outlives its GOAWAY for streams that never finish
NO_LIMIT = 2**31 - 1


class _Stream:
    """A request on its way in, and what of its answer the window has not let out yet."""

    __slots__ = ("body", "headers", "unsent")

    def __init__(self, headers: Headers) -> None:
        self.headers = headers
        self.body = bytearray()
        self.unsent: list[bytes] = []


class Http2Connection(asyncio.Protocol):
    """See `exchange.Connection`."""

    protocol = "h2"

    def __init__(self, number: int, handler: Handler, live: set[Connection]) -> None:
        self.id = number
        self.peer = ""
        self.certificate: bytes | None = None
        self.state: dict[str, Any] = {}
        self.requests = 0
        self.opened_at = self.active_at = handler.now()
        self.limit = NO_LIMIT
        self._handler = handler
        self._live = live
        self._streams: dict[int, _Stream] = {}
        self._blocked: dict[int, _Stream] = {}
        self._limits: deque[int] = deque()  # advertised: the one in force, then those not yet acknowledged
        self._highest = 0  # the highest stream handed to the handler
        self._last_served: int | None = None  # the last-stream-id of our GOAWAY
        self._deaf = False
        self._flushing = False
        self._loop = asyncio.get_running_loop()

    # ── the connection as a handler sees it ──────────────────────────────────────────────────────────────────────

    @property
    def in_flight(self) -> int:
        return len(self._streams)

    def change_settings(self, changes: Mapping[SettingCodes, int]) -> None:
        if self._transport.is_closing():
            return
        self.limit = changes.get(SettingCodes.MAX_CONCURRENT_STREAMS, self.limit)
        self._limits.append(self.limit)
        self._h2.update_settings({code: value for code, value in changes.items()})  # noqa: C416  dict's keys are wider
        self._flush_soon()

    def goaway(
        self,
        *,
        last_stream_id: int | None = None,
        error: ErrorCodes = ErrorCodes.NO_ERROR,
        debug: bytes = b"",
        then: Then = Then.DRAIN,
    ) -> int:
        """The frame is made here: h2 would end the connection with it, RFC 9113 lets open streams finish."""
        last = self._highest if last_stream_id is None else last_stream_id
        self._flush()
        frame = GoAwayFrame(0, last_stream_id=last, error_code=error, additional_data=debug)
        self._transport.write(frame.serialize())
        self._last_served = last if self._last_served is None else min(last, self._last_served)
        if then is Then.CLOSE:
            self._transport.close()
        elif then is Then.DRAIN:
            self._loop.call_later(DRAIN_LIMIT, self._transport.close)
            self._close_if_drained()
        return last

    def close(self) -> None:
        self._transport.abort()

    # ── asyncio's side ───────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer = transport.get_extra_info("peername")[0]
        self.certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if not self._handler.accept(self):
            self._transport.abort()
            return
        self._live.add(self)
        settings = self._handler.settings(self)
        self.limit = settings.get(SettingCodes.MAX_CONCURRENT_STREAMS, NO_LIMIT)
        self._limits.append(self.limit)
        self._h2 = LenientH2(settings)
        self._h2.initiate_connection()
        self._flush()
        self._handler.opened(self)

    def data_received(self, data: bytes) -> None:
        self._deaf = self._deaf or self._handler.deaf(self)
        if self._deaf or self._transport.is_closing():
            return
        self.active_at = self._handler.now()
        self._flush()  # h2 drops what it has not handed out when a GOAWAY comes in
        try:
            received = self._h2.receive_data(data)
        except ProtocolError:
            self._flush()
            self._transport.close()
            return
        for event in received:
            react = self._reactions.get(type(event))
            if react is not None:
                react(self, event)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's interface
        self._live.discard(self)
        self._streams.clear()
        self._blocked.clear()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        data = self._h2.data_to_send()
        if data and not self._deaf and not self._transport.is_closing():
            self._transport.write(data)

    # ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────

    def _on_request(self, event: events.RequestReceived) -> None:
        stream = event.stream_id
        if self._last_served is not None and stream > self._last_served:
            return  # RFC 9113 section 6.8: after a GOAWAY, later streams are ignored
        if len(self._streams) >= self._allowed() and not self._serve_excess(stream):
            return
        self._streams[stream] = _Stream(tuple((_text(name), _text(value)) for name, value in event.headers))

    def _allowed(self) -> int:
        """A client is bound by a limit once it has acknowledged it, so the widest unacknowledged one counts.

        The very first one binds at once (RFC 9113 section 3.4 lets a client start before it has seen our SETTINGS, and
        section 5.1.2 lets the server refuse what was too much).
        """
        return max(self._limits)

    def _serve_excess(self, stream: int) -> bool:
        excess = self._handler.excess(self)
        if excess is Excess.REFUSE:
            self._h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
        elif excess is Excess.GOAWAY:
            self.goaway(error=ErrorCodes.PROTOCOL_ERROR, debug=b"maximum active streams violated")
        return excess is Excess.SERVE

    def _on_data(self, event: events.DataReceived) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.body += event.data
        if event.flow_controlled_length:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _on_end(self, event: events.StreamEnded) -> None:
        number = event.stream_id
        stream = self._streams.get(number)
        if stream is None:
            return
        if self._last_served is not None and number > self._last_served:
            del self._streams[number]
            return
        self.requests += 1
        self._highest = max(self._highest, number)
        request = Request(self, number, stream.headers, bytes(stream.body), time.time())
        self._give(request, self._handler.answer(request))

    def _on_reset(self, event: events.StreamReset) -> None:
        self._streams.pop(event.stream_id, None)
        self._blocked.pop(event.stream_id, None)
        self._close_if_drained()

    def _on_settings_acknowledged(self, _: events.SettingsAcknowledged) -> None:
        if len(self._limits) > 1:
            self._limits.popleft()

    def _on_window(self, _: events.Event) -> None:
        for number, stream in tuple(self._blocked.items()):
            self._send_body(number, stream)

    _reactions: ClassVar[dict[type[events.Event], Any]] = {
        events.RequestReceived: _on_request,
        events.DataReceived: _on_data,
        events.StreamEnded: _on_end,
        events.StreamReset: _on_reset,
        events.SettingsAcknowledged: _on_settings_acknowledged,
        events.WindowUpdated: _on_window,
        events.RemoteSettingsChanged: _on_window,
    }

    # ── what goes out ────────────────────────────────────────────────────────────────────────────────────────────

    def _give(self, request: Request, answer: Answer) -> None:
        if answer is Drop.CLOSE:
            self._transport.abort()
        elif isinstance(answer, Response | Reset):
            if answer.after > 0:
                self._loop.call_later(answer.after, self._send, request, answer)
            else:
                self._send(request, answer)

    def _send(self, request: Request, answer: Response | Reset) -> None:
        stream = self._streams.get(request.stream)
        if stream is None or self._transport.is_closing():
            return  # reset by the client, or the connection is gone
        self.active_at = self._handler.now()
        if isinstance(answer, Reset):
            self._h2.reset_stream(request.stream, answer.code)
            self._finish(request.stream)
        else:
            given = ((_raw(name), _raw(value)) for name, value in answer.headers)
            headers = [(b":status", b"%d" % answer.status), *given]
            self._h2.send_headers(request.stream, headers, end_stream=not answer.body)
            stream.unsent = _cut(answer)
            self._send_body(request.stream, stream)
            self._handler.answered(request, answer)
        self._flush_soon()

    def _send_body(self, number: int, stream: _Stream) -> None:
        while stream.unsent:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._blocked[number] = stream
                return
            part = stream.unsent.pop(0)
            if len(part) > room:
                stream.unsent.insert(0, part[room:])
            self._h2.send_data(number, part[:room], end_stream=not stream.unsent)
        self._finish(number)

    def _finish(self, number: int) -> None:
        self._streams.pop(number, None)
        self._blocked.pop(number, None)
        self._close_if_drained()

    def _close_if_drained(self) -> None:
        last = self._last_served
        if last is not None and last != NO_LIMIT and not any(number <= last for number in self._streams):
            self._flush()
            self._transport.close()


def _cut(response: Response) -> list[bytes]:
    if not response.body:
        return []
    middle = len(response.body) // 2 if response.split else 0
    return [part for part in (response.body[:middle], response.body[middle:]) if part]


def _text(raw: bytes | str) -> str:
    return raw if isinstance(raw, str) else raw.decode("utf-8", "surrogateescape")


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
