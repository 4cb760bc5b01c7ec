"""What comes back on streams: header blocks, bodies and resets, until each stream has its one outcome.

Long, because what a frame means depends on what came before it on its stream: one state, one file.
"""

from typing import Final

from services.delivery.http2 import frames
from services.delivery.http2.block_reader import BlockReader
from services.delivery.http2.frames import ErrorCode, Violation, code_name
from services.delivery.http2.header_block import OK_LITERALS
from services.delivery.http2.outbound import Outbound
from services.delivery.http2.streams import Streams
from shared.flow.verdict import Answer, NotProcessed, Outcome, OutcomeUnknown

OK: Final = 200
TOO_MANY: Final = 429
MOST_BLOCK: Final = 65_536
"""Bytes of one header block, frame heads included, so that empty CONTINUATION frames are bounded too."""
MOST_BODY: Final = 65_536
"""Bytes kept of an answer's body; no provider's has more than some hundred. A longer one is cut, the stream closed."""
JSON_STARTS: Final = 0x7B
SUSPECT: Final = frozenset({401, 403, 503})
"""After these the connection itself may be what is refused (protocol reference, A.2)."""
UNAUTHENTICATED: Final = frozenset({401, 403, 407, 429})
"""These do not prove that the peer has accepted our credentials; other 4xx do."""


class Reply:
    """An answer that has begun."""

    __slots__ = ("body", "fields", "status")

    def __init__(self, status: int, fields: dict[str, str]) -> None:
        self.status = status
        self.fields = fields
        self.body = bytearray()


GOOD: Final = Reply(OK, {})
"""A 200 of which only the end of its body is awaited: shared by all, never written to."""
GOOD_BEGUN: Final = Reply(OK, {})
"""The same, when the body has begun and is JSON; what it says does not matter."""


class Answers:
    """Owned by a `Connection`; raises `Violation` for what ends it."""

    def __init__(self, streams: Streams, outbound: Outbound) -> None:
        self._streams = streams
        self._outbound = outbound
        self.reader = BlockReader()
        self.partial: dict[int, Reply] = {}
        self.assembling: int | None = None
        self._block = bytearray()
        self._block_cost = 0
        self._block_ends = False
        self.warm = False
        """The peer has answered in a way that shows it accepts our credentials."""
        self.suspect = False
        """It has refused something that may go well on another connection."""
        self.served = 0
        self.troubled = 0
        """Of these, how many said that the peer has too much to do, or is not well: 429 and 5xx."""

    def succeed(self, streams: list[int], now: float) -> None:
        """These were answered 200 and ended. Clears the list."""
        if not self._streams.succeed(streams, now):
            for stream in streams:
                if stream > frames.LAST_STREAM:  # the reserved bit, to be ignored (RFC 9113, section 4.1)
                    self._streams.succeed([stream & frames.LAST_STREAM], now)
                self.known(stream & frames.LAST_STREAM)
        if self._outbound.blocked:
            for stream in streams:
                self._stop_sending(stream)
        self.served += len(streams)
        self.warm = True
        streams.clear()

    def known(self, stream: int) -> None:
        """Frames on streams that we have closed are late, and ignored; on those that we never opened, errors."""
        if not stream & 1 or stream >= self._outbound.next_stream:
            raise Violation(ErrorCode.PROTOCOL_ERROR, "frame on an idle stream")

    def headers(self, stream: int, flags: int, payload: bytes, now: float) -> None:
        """HEADERS."""
        self.known(stream)
        payload = unpadded(flags, payload)
        if flags & frames.PRIORITIZED:
            if len(payload) < 5:  # noqa: PLR2004  # RFC 9113, section 6.2
                raise Violation(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short")
            payload = payload[5:]
        if flags & frames.END_HEADERS:
            self._whole_block(stream, bool(flags & frames.END_STREAM), payload, now)
            return
        self.assembling, self._block_ends = stream, bool(flags & frames.END_STREAM)
        self._block, self._block_cost = bytearray(payload), len(payload)

    def continuation(self, stream: int, flags: int, payload: bytes, now: float) -> None:
        """CONTINUATION."""
        if stream != self.assembling:
            raise Violation(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        self._block += payload
        self._block_cost += len(payload) + 9
        if self._block_cost > MOST_BLOCK:
            raise Violation(ErrorCode.ENHANCE_YOUR_CALM, "header block too large")
        if flags & frames.END_HEADERS:
            self.assembling = None
            self._whole_block(stream, self._block_ends, bytes(self._block), now)

    def _whole_block(self, stream: int, ends: bool, block: bytes, now: float) -> None:  # noqa: FBT001  # END_STREAM
        begun = self.partial.get(stream)
        if begun is None and self.reader.plain and block.startswith(OK_LITERALS):
            status, fields = OK, {}
        else:
            raw = self.reader.read(block)
            if stream not in self._streams.open:
                return
            if begun is not None:
                self._trailers(stream, begun, ends, now)
                return
            status, fields = (
                _status(raw),
                {_text(name).lower(): _text(value) for name, value in raw if name[:1] != b":"},
            )
        if 100 <= status < 200 and status != 101 and not ends:  # noqa: PLR2004  # RFC 9110, section 15.2
            return
        if status < OK:
            self._malformed(stream, now)
        elif ends:
            self._finish(stream, Reply(status, fields), now)
        elif stream in self._streams.open:
            self.partial[stream] = GOOD if status == OK else Reply(status, fields)

    def _trailers(self, stream: int, begun: Reply, ends: bool, now: float) -> None:  # noqa: FBT001  # END_STREAM
        """What they say does not matter; that they are the end does (RFC 9113, section 8.1)."""
        if ends:
            self._finish(stream, begun, now)
        else:
            self._malformed(stream, now)

    def data(self, stream: int, flags: int, payload: bytes, now: float) -> None:
        """DATA."""
        self.known(stream)
        payload = unpadded(flags, payload)
        reply = self.partial.get(stream)
        if reply is None:
            if stream in self._streams.open:
                self._malformed(stream, now)
            return
        if payload and reply is not GOOD_BEGUN:
            if reply is GOOD and payload[0] == JSON_STARTS and not self._streams.wanted(stream):
                reply = GOOD_BEGUN
            else:
                reply = Reply(OK, {}) if reply is GOOD else reply
                reply.body += payload[: MOST_BODY - len(reply.body)]
            self.partial[stream] = reply
        if flags & frames.END_STREAM:
            self._finish(stream, reply, now)
        elif len(reply.body) >= MOST_BODY:
            self._outbound.put(frames.reset(stream, ErrorCode.CANCEL))
            self._finish(stream, reply, now)

    def reset(self, stream: int, payload: bytes, now: float) -> None:
        """RST_STREAM. After a whole answer the stream is not open any more, so whatever the code it is no failure."""
        self.known(stream)
        if len(payload) != 4:  # noqa: PLR2004  # RFC 9113, section 6.4
            raise Violation(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM size")
        (code,) = frames.WORD.unpack(payload)
        if stream not in self._streams.open:
            return
        if code == ErrorCode.REFUSED_STREAM and stream not in self.partial:
            self.suspect = True
            self.fail(stream, NotProcessed("refused_stream"), now)
        else:
            self.fail(stream, OutcomeUnknown(f"reset_{code_name(code)}"), now)

    def fail(self, stream: int, outcome: Outcome, now: float) -> None:
        """Ends a stream that is open with this outcome."""
        self.partial.pop(stream, None)
        self._outbound.close(stream)
        self._streams.fail(stream, outcome, now)

    def broken(self, stream: int, code: ErrorCode, now: float) -> None:
        """A stream error (RFC 9113, section 5.4.2): the peer did it wrong, what became of the request is unknown."""
        if stream in self._streams.open:
            self._outbound.put(frames.reset(stream, code))
            self.fail(stream, OutcomeUnknown(f"stream_{code_name(code)}"), now)

    def _malformed(self, stream: int, now: float) -> None:
        self.broken(stream, ErrorCode.PROTOCOL_ERROR, now)

    def _finish(self, stream: int, reply: Reply, now: float) -> None:
        self.partial.pop(stream, None)
        if reply.status == OK and reply.body[:1] == b"{" and self._streams.wanted(stream):
            self._streams.keep(stream, bytes(reply.body))
            self.succeed([stream], now)
            return
        if reply.status == OK and not reply.body:
            self.succeed([stream], now)
            return
        run = self._streams.open.get(stream)
        if run is None:
            return
        self.served += 1
        self.troubled += reply.status == TOO_MANY or reply.status >= 500  # noqa: PLR2004  # 5xx
        self.warm = self.warm or (reply.status < 500 and reply.status not in UNAUTHENTICATED)  # noqa: PLR2004  # 5xx
        self.suspect = self.suspect or reply.status in SUSPECT
        self._stop_sending(stream)
        self.fail(stream, Answer(reply.status, reply.fields, bytes(reply.body), now - run.sent_at), now)

    def _stop_sending(self, stream: int) -> None:
        """The answer came before the whole request was out; the rest is not wanted (RFC 9113, section 8.1)."""
        if self._outbound.close(stream):
            self._outbound.put(frames.reset(stream, ErrorCode.NO_ERROR))


def unpadded(flags: int, payload: bytes) -> bytes:
    """The payload without padding. Raises `Violation`."""
    if not flags & frames.PADDED:
        return payload
    if not payload:
        raise Violation(ErrorCode.FRAME_SIZE_ERROR, "no room for the pad length")
    if payload[0] >= len(payload):
        raise Violation(ErrorCode.PROTOCOL_ERROR, "more padding than payload")
    return payload[1 : len(payload) - payload[0]]


def _status(fields: list[tuple[bytes, bytes]]) -> int:
    """The one `:status`; 0 if the block has none that is well-formed."""
    found = [value for name, value in fields if name == b":status"]
    return int(found[0]) if len(found) == 1 and len(found[0]) == 3 and found[0].isdigit() else 0  # noqa: PLR2004


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
