"""One HTTP/2 connection without I/O: batches and bytes in, outcomes and bytes out. Never raises for what a peer does.

Every request ends in exactly one outcome: each is opened in `Streams`, and only what takes it out there settles it.

Long, because the frames of one connection share its state, and because the loop that reads answers is written out: a
call for each answer made reading three times as dear.
"""

import json
from collections.abc import Collection, Iterator
from typing import Final

from services.delivery.http2 import frames
from services.delivery.http2.answers import GOOD, JSON_STARTS, Answers
from services.delivery.http2.batch import Batch
from services.delivery.http2.frames import ErrorCode, Violation, code_name
from services.delivery.http2.header_block import OK_BLOCK
from services.delivery.http2.limit import FIRST, KEPT_FOR_NOW, RAMP
from services.delivery.http2.news import News
from services.delivery.http2.outbound import Outbound
from services.delivery.http2.peer import Peer
from services.delivery.http2.streams import Streams
from shared.flow.lane import Lane
from shared.flow.verdict import ConnectionTrouble, NotProcessed, OutcomeUnknown

WINDOW: Final = 2**30
"""What we let the peer send: more than all answers of hours, so that no answer ever waits for us."""
OUR_SETTINGS: Final = {
    frames.HEADER_TABLE_SIZE: 0,
    frames.ENABLE_PUSH: 0,
    frames.INITIAL_WINDOW_SIZE: WINDOW,
    frames.MAX_HEADER_LIST_SIZE: 65_536,
}
QUIET: Final = 30.0
"""Seconds without a byte while requests are outstanding, after which the peer is asked whether it is there."""
IDLE: Final = 3600.0
"""Seconds after which an idle connection is asked (Apple: about once an hour)."""
QUEUEING: Final = 3
"""So many times the quickest answer is more than a route's own variation."""
PONG_WITHIN: Final = 10.0
SETTINGS_WITHIN: Final = 10.0
MOST_WAITING: Final = 10_000
"""Frames that wait to be written because the peer does not read; beyond this it makes us answer too much."""
TOO_LONG: Final = (frames.LEAST_FRAME + 1) << 8
PING_PAYLOAD: Final = b"carillon"


class Connection:
    """Made by the pool, driven by a `Link`. `now` is the event loop's clock, in seconds."""

    def __init__(self, authority: bytes, now: float, *, streams: int, warm_up: bool, ramp: float = RAMP) -> None:
        self.peer = Peer()
        self._most_streams = streams
        self._first_streams = min(FIRST, streams)
        self._streams_now = self._first_streams
        """Rises from the first to the most in the seconds of the ramp: a peer has to find its feet with each of us."""
        self._ramp = ramp
        self._cold = warm_up
        self._streams = Streams()
        self._outbound = Outbound(authority, self.peer, self._streams)
        self._answers = Answers(self._streams, self._outbound)
        self._rest = b""
        self._received = 0
        self._late = 0
        self._heard_at = self._made_at = now
        self._ping_sent: float | None = None
        self.ready = False
        """The peer's SETTINGS have come."""
        self.draining = False
        self.dead: str | None = None
        """Why the connection is over, if it is; what `take` returns is still to be written."""
        self.goaway_reason: str | None = None
        """What the peer's GOAWAY gave as its reason, if it gave one."""
        self.goaway_code: str | None = None
        self.last_stream = frames.LAST_STREAM
        self.too_many_streams = False
        self._outbound.put(frames.PREFACE + frames.settings(OUR_SETTINGS))
        self._outbound.put(frames.window_update(0, WINDOW - frames.FIRST_WINDOW))

    # ── what the pool asks ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def in_flight(self) -> int:
        """Requests without an outcome."""
        return len(self._streams.open)

    @property
    def allowed(self) -> int:
        """How many requests it would carry at a time, as things are."""
        return min(self.peer.streams, self._streams_now) if self.ready and self.usable else 0

    def open_of(self, batches: Collection[Batch]) -> Iterator[tuple[Batch, int]]:
        """The requests of these batches that have no outcome."""
        return self._streams.of(batches)

    @property
    def usable(self) -> bool:
        """Whether it takes new requests, now or as soon as some are answered."""
        return not self.draining and self.dead is None

    @property
    def finished(self) -> bool:
        """Drained: it may be closed."""
        return self.draining and not self._streams.open

    @property
    def served(self) -> int:
        """How many answers have come."""
        return self._answers.served

    @property
    def news(self) -> News:
        """What came of all requests so far."""
        served = self._answers.served
        return News(
            served + self._late, self._answers.troubled, self._late, self._streams.answered, self._streams.waited
        )

    @property
    def typical(self) -> float:
        """Seconds of an answer, lately."""
        return self._streams.typical

    @property
    def suspect(self) -> bool:
        """Whether it has refused something that another connection might take."""
        return self._answers.suspect

    @property
    def cold(self) -> bool:
        """Whether it still waits for the answer that shows that our credentials are accepted."""
        return self._cold and not self._answers.warm

    @property
    def queueing(self) -> bool:
        """Whether answers take much longer than they need to: peer or we are busy, and streams would not help."""
        return self._streams.typical > QUEUEING * self._streams.quickest

    def room(self, lane: Lane) -> int:
        """How many more requests of this lane may be opened now."""
        if not self.ready or not self.usable:
            return 0
        if self.cold:
            return max(0, min(self.peer.streams, 1) - len(self._streams.open))
        limit = min(self.peer.streams, self._streams_now)
        if lane is Lane.BULK and limit > 1:
            limit -= max(1, limit // KEPT_FOR_NOW)
        ids = (frames.LAST_STREAM - self._outbound.next_stream) // 2 + 1
        return max(0, min(limit - len(self._streams.open), ids))

    def send(self, batch: Batch, start: int, stop: int, now: float) -> int:
        """Requests start to stop of a batch (no more than there is room); returns how many were taken."""
        sent = self._outbound.send(batch, start, stop, now)
        if self._outbound.next_stream > frames.LAST_STREAM:
            self.draining = True
        return sent

    def take(self) -> bytes:
        """What is to be written now."""
        return self._outbound.take()

    def drain(self) -> None:
        """No new requests; those in flight are waited for."""
        self.draining = True

    def close(self, reason: str, now: float) -> None:
        """Over, by our will."""
        self._end(ErrorCode.NO_ERROR, reason, now)

    def lost(self, reason: str, now: float) -> None:
        """TCP or TLS has ended."""
        if self.dead is None:
            self._forget(reason, now)

    def tick(self, now: float) -> None:
        """Time has passed: deadlines, and whether the peer is still there."""
        if self.dead is not None:
            return
        if self._streams_now < self._most_streams:
            grown = int((self._most_streams - self._first_streams) * (now - self._made_at) / self._ramp)
            self._streams_now = min(self._most_streams, self._first_streams + grown)
        late = list(self._streams.overdue(now))
        self._late += len(late)
        for stream in late:
            self._outbound.put(frames.reset(stream, ErrorCode.CANCEL))
            self._answers.fail(stream, OutcomeUnknown("timeout"), now)
        quiet = now - self._heard_at
        if not self.ready and now - self._made_at >= SETTINGS_WITHIN:
            self._end(ErrorCode.SETTINGS_TIMEOUT, "no_settings", now)
        elif self._ping_sent is not None and now - self._ping_sent >= PONG_WITHIN:
            self._end(ErrorCode.NO_ERROR, "no_pong", now)
        elif late or quiet >= (QUIET if self._streams.open else IDLE):
            self._ping(now)

    def _ping(self, now: float) -> None:
        if self._ping_sent is None and self.ready:
            self._ping_sent = now
            self._outbound.put(frames.frame(frames.PING, 0, 0, PING_PAYLOAD))

    # ── what the peer says ───────────────────────────────────────────────────────────────────────────────────────

    def receive(self, data: bytes, now: float) -> None:
        """Bytes from the peer, cut anywhere."""
        if self.dead is not None:
            return
        self._heard_at = now
        data = self._rest + data
        try:
            self._rest = data[self._frames(data, now) :]
            self._give_back_window()
        except Violation as violation:
            self._end(violation.code, violation.reason, now)

    def _frames(self, data: bytes, now: float) -> int:  # noqa: C901  # see below
        """Reads whole frames; returns where the first that is not whole begins.

        The hot loop of reading, and therefore long: a success is its head, one byte, and a place in a list that is
        settled as a whole. Measured: 0.35 µs an answer, against 1.2 µs with a call for each.
        """
        at, size = 0, len(data)
        unpack, partial, opened = frames.HEAD.unpack_from, self._answers.partial, self._streams.open
        fine: list[int] = []
        plain, keeping = self._plain(), self._streams.keeping
        while size - at >= 9:  # noqa: PLR2004  # a frame's head
            head, flags, stream = unpack(data, at)
            end = at + 9 + (head >> 8)
            if plain and end <= size and head < TOO_LONG:
                kind = head & 0xFF
                if kind == frames.HEADERS:
                    if head > 0xFF and data[at + 9] == OK_BLOCK and stream not in partial:  # noqa: PLR2004  # not empty
                        if flags == 5:  # noqa: PLR2004  # END_HEADERS and END_STREAM
                            fine.append(stream)
                            at = end
                            continue
                        if flags == frames.END_HEADERS and stream in opened:
                            partial[stream] = GOOD
                            at = end
                            continue
                elif (
                    kind == frames.DATA
                    and flags == frames.END_STREAM
                    and partial.get(stream) is GOOD
                    and (head <= 0xFF or data[at + 9] == JSON_STARTS)  # noqa: PLR2004  # empty
                ):
                    del partial[stream]
                    if keeping:
                        self._streams.keep(stream, data[at + 9 : end])
                    fine.append(stream)
                    self._received += head >> 8
                    at = end
                    continue
            if head >= TOO_LONG:
                raise Violation(ErrorCode.FRAME_SIZE_ERROR, "frame too large")
            if end > size:
                break
            if fine:
                self._answers.succeed(fine, now)
            self._frame(head & 0xFF, flags, stream & frames.LAST_STREAM, data[at + 9 : end], now)
            plain = self._plain()
            at = end
        if fine:
            self._answers.succeed(fine, now)
        return at

    def _plain(self) -> bool:
        """Whether answers may be known by their first byte."""
        return self._answers.reader.plain and self._answers.assembling is None

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes, now: float) -> None:  # noqa: C901  # a table
        if self._answers.assembling is not None and kind != frames.CONTINUATION:
            raise Violation(ErrorCode.PROTOCOL_ERROR, "header block interrupted")
        if not self.ready and (kind != frames.SETTINGS or flags & frames.ACK):
            raise Violation(ErrorCode.PROTOCOL_ERROR, "SETTINGS must come first")
        match kind:
            case frames.HEADERS:
                self._answers.headers(stream, flags, payload, now)
            case frames.DATA:
                self._received += len(payload)
                self._answers.data(stream, flags, payload, now)
            case frames.CONTINUATION:
                self._answers.continuation(stream, flags, payload, now)
            case frames.RST_STREAM:
                self._answers.reset(stream, payload, now)
            case frames.PRIORITY:
                self._on_priority(stream, payload, now)
            case frames.WINDOW_UPDATE:
                self._on_window_update(stream, payload, now)
            case frames.SETTINGS | frames.PING | frames.GOAWAY:
                self._on_connection_frame(kind, flags, stream, payload, now)
            case frames.PUSH_PROMISE:
                raise Violation(ErrorCode.PROTOCOL_ERROR, "push is off")
            case _:
                pass  # RFC 9113, section 5.5: unknown kinds are ignored

    def _on_priority(self, stream: int, payload: bytes, now: float) -> None:
        if not stream:
            raise Violation(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0")
        if len(payload) != 5:  # noqa: PLR2004  # RFC 9113, section 6.3
            self._answers.broken(stream, ErrorCode.FRAME_SIZE_ERROR, now)

    def _on_window_update(self, stream: int, payload: bytes, now: float) -> None:
        if len(payload) != 4:  # noqa: PLR2004  # RFC 9113, section 6.9
            raise Violation(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE size")
        by = frames.WORD.unpack(payload)[0] & frames.MOST_WINDOW
        if not stream:
            if not by:
                raise Violation(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
            self._outbound.widen(by)
            return
        self._answers.known(stream)
        if not by:
            self._answers.broken(stream, ErrorCode.PROTOCOL_ERROR, now)
        elif not self._outbound.widen_stream(stream, by):
            self._answers.broken(stream, ErrorCode.FLOW_CONTROL_ERROR, now)

    def _on_connection_frame(self, kind: int, flags: int, stream: int, payload: bytes, now: float) -> None:
        if stream:
            raise Violation(ErrorCode.PROTOCOL_ERROR, "connection frame on a stream")
        if kind == frames.SETTINGS:
            self._on_settings(flags, payload)
        elif kind == frames.GOAWAY:
            self._on_goaway(payload, now)
        elif len(payload) != 8:  # noqa: PLR2004  # RFC 9113, section 6.7
            raise Violation(ErrorCode.FRAME_SIZE_ERROR, "PING size")
        elif not flags & frames.ACK:
            self._reply(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == PING_PAYLOAD:
            self._ping_sent = None

    def _reply(self, frame: bytes) -> None:
        self._outbound.put(frame)
        if self._outbound.waiting > MOST_WAITING:
            raise Violation(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that need an answer")

    def _on_settings(self, flags: int, payload: bytes) -> None:
        if flags & frames.ACK:
            if payload:
                raise Violation(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS acknowledgement with a payload")
            self._answers.reader.acknowledged()
            return
        if len(payload) % frames.SETTING.size:
            raise Violation(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS size")
        window_was = self.peer.initial_window
        for key, value in frames.SETTING.iter_unpack(payload):
            table_was = self.peer.table_size
            self.peer.apply(key, value)
            if self.peer.table_size != table_was:
                self._outbound.table_changed()
        self.ready = True
        # Acknowledged before it is used: the peer may hold us to its old window until then (RFC 9113, section 6.5.3).
        self._reply(frames.frame(frames.SETTINGS, frames.ACK, 0))
        if self.peer.initial_window != window_was:
            self._outbound.initial_window_changed(self.peer.initial_window - window_was)

    def _on_goaway(self, payload: bytes, now: float) -> None:
        """Streams above the last one certainly were not processed; the others are waited for. There may be two."""
        if len(payload) < 8:  # noqa: PLR2004  # RFC 9113, section 6.8
            raise Violation(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY size")
        last, code = frames.WORD.unpack_from(payload)[0] & frames.LAST_STREAM, frames.WORD.unpack_from(payload, 4)[0]
        self.last_stream = min(last, self.last_stream)
        self.draining = True
        self.goaway_code = code_name(code)
        debug = payload[8:]
        self.goaway_reason = _reason(debug) or self.goaway_reason
        excess = code == ErrorCode.ENHANCE_YOUR_CALM or b"max_concurrent_streams" in debug or b"active streams" in debug
        self.too_many_streams = self.too_many_streams or excess
        trouble = ConnectionTrouble.TOO_MANY_STREAMS if excess else None
        refused = NotProcessed(self.goaway_reason or f"goaway_{self.goaway_code}", trouble)
        for stream in [one for one in self._streams.open if one > self.last_stream]:
            self._answers.fail(stream, refused, now)

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _give_back_window(self) -> None:
        if self._received >= WINDOW // 2:
            self._outbound.put(frames.window_update(0, self._received))
            self._received = 0

    def _end(self, code: ErrorCode, reason: str, now: float) -> None:
        self._outbound.put(frames.goaway(code, reason))
        self._forget(reason, now)

    def _forget(self, reason: str, now: float) -> None:
        self.dead = reason
        self.draining = True
        unknown = OutcomeUnknown(reason)
        for stream in list(self._streams.open):
            self._answers.fail(stream, unknown, now)


def _reason(debug: bytes) -> str | None:
    """The reason in a GOAWAY's debug data, which APNs writes as JSON (protocol reference, A.2)."""
    try:
        said = json.loads(debug)
    except (ValueError, RecursionError):
        return None
    reason = said.get("reason") if isinstance(said, dict) else None
    return reason if isinstance(reason, str) and reason else None
