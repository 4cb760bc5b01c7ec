"""The other side of a connection in tests: writes a server's frames, reads ours with hyperframe and hpack."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import pack

import hpack
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
)

from services.delivery.http2.batch import Batch
from services.delivery.http2.connection import Connection
from shared.flow.lane import Lane
from shared.flow.verdict import Outcome

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
OK = b"\x88"
NO_TABLE = b"\x20"
SHARED = ((b"authorization", b"bearer " + b"e" * 180), (b"apns-topic", b"com.example.app"), (b"apns-priority", b"10"))


def raw(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return pack(">I", len(payload))[1:] + pack(">BBI", kind, flags, stream) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    return raw(4, 0, 0, b"".join(pack(">HI", *pair) for pair in pairs))


SETTINGS_ACK = raw(4, 1, 0)


def headers(stream: int, block: bytes, *, ends: bool = True) -> bytes:
    return raw(1, 4 | ends, stream, block)


def data(stream: int, body: bytes, *, ends: bool = True) -> bytes:
    return raw(0, ends, stream, body)


def window(stream: int, by: int) -> bytes:
    return raw(8, 0, stream, pack(">I", by))


def reset(stream: int, code: int) -> bytes:
    return raw(3, 0, stream, pack(">I", code))


def goaway(last: int, code: int = 0, debug: bytes = b"") -> bytes:
    return raw(7, 0, 0, pack(">II", last, code) + debug)


def literal(status: int, *fields: tuple[str, str]) -> bytes:
    """A header block that leaves the dynamic table alone."""
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    return bytes(encoder.encode([(":status", str(status)), *fields])).removeprefix(NO_TABLE)


@dataclass
class Request:
    stream: int
    fields: list[tuple[bytes, bytes]]
    body: bytes = b""
    ended: bool = False

    def field(self, name: bytes) -> bytes | None:
        return dict(self.fields).get(name)


@dataclass
class FarEnd:
    """Reads what a connection writes, as a server must: in order, with one HPACK state, and with its windows kept."""

    table_size: int = 4096
    requests: dict[int, Request] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    _block: bytearray = field(default_factory=bytearray)
    _greeted: bool = False

    def __post_init__(self) -> None:
        self.decoder = hpack.Decoder()
        self.decoder.max_allowed_table_size = self.table_size

    def read(self, written: bytes) -> list[Frame]:
        """The frames in it; requests are gathered on the way."""
        if not self._greeted and written:
            assert written.startswith(PREFACE)
            written, self._greeted = written[len(PREFACE) :], True
        fresh = []
        view = memoryview(written)
        while view:
            frame, length = Frame.parse_frame_header(view[:9])
            assert len(view) >= 9 + length, "a frame is not whole"
            frame.parse_body(view[9 : 9 + length])
            view = view[9 + length :]
            fresh.append(frame)
            self._gather(frame)
        self.frames += fresh
        return fresh

    def _gather(self, frame: Frame) -> None:
        if isinstance(frame, HeadersFrame | ContinuationFrame):
            self._block += frame.data
            if isinstance(frame, HeadersFrame):
                assert frame.stream_id not in self.requests
                self.requests[frame.stream_id] = Request(frame.stream_id, [], ended="END_STREAM" in frame.flags)
            if "END_HEADERS" in frame.flags:
                found = self.decoder.decode(bytes(self._block), raw=True)
                self.requests[frame.stream_id].fields = [(bytes(f[0]), bytes(f[1])) for f in found]
                self._block.clear()
        elif isinstance(frame, DataFrame):
            request = self.requests[frame.stream_id]
            assert not request.ended
            request.body += frame.data
            request.ended = "END_STREAM" in frame.flags

    def resets(self) -> dict[int, int]:
        return {frame.stream_id: frame.error_code for frame in self.frames if isinstance(frame, RstStreamFrame)}

    def goaway(self) -> int | None:
        codes = [frame.error_code for frame in self.frames if isinstance(frame, GoAwayFrame)]
        return codes[-1] if codes else None


@dataclass
class Pair:
    """A connection and its far end."""

    connection: Connection
    far: FarEnd
    now: float = 1000.0

    def say(self, *frames: bytes) -> list[Frame]:
        """The server says this; what is answered."""
        self.connection.receive(b"".join(frames), self.now)
        return self.far.read(self.connection.take())

    def send(self, batch: Batch, stop: int | None = None) -> int:
        """As many of a batch's requests as there is room for, like a pool does."""
        room = self.connection.room(batch.lane)
        n = self.connection.send(batch, batch.taken, min(batch.taken + room, stop or batch.count), self.now)
        batch.taken += n
        self.far.read(self.connection.take())
        return n

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.connection.tick(self.now)
        self.far.read(self.connection.take())


def pair(*pairs: tuple[int, int], plain: bool = True, warm_up: bool = False, streams: int = 1000) -> Pair:
    """A connection after the SETTINGS of both sides; `plain`: the far end has said that it uses no table."""
    table = dict(pairs).get(1, 4096)
    made = Pair(Connection(b"api.example", 1000.0, streams=streams, warm_up=warm_up), FarEnd(table))
    made.say(settings(*pairs), SETTINGS_ACK)
    if plain:
        first = batch(1)
        made.send(first)
        made.say(headers(1, NO_TABLE + OK))
        assert outcomes(first) == [200]
    return made


def batch(count: int, body: bytes | Sequence[bytes] = b'{"aps":{}}', **more: object) -> Batch:
    """Requests as APNs has them."""
    ids = [b"id-%06d" % n for n in range(count)]
    lane = more.pop("lane", Lane.BULK)
    assert isinstance(lane, Lane)
    timeout = more.pop("timeout", 30.0)
    assert isinstance(timeout, float)
    shared = more.pop("shared", SHARED)
    assert isinstance(shared, tuple)
    keep = bool(more.pop("keep", False))
    assert not more
    paths = [b"/3/device/%08x" % n for n in range(count)]
    return Batch(count, shared, paths, body, own=[(b"apns-id", ids)], lane=lane, timeout=timeout, keep=keep)


def outcomes(of: Batch) -> list[int | Outcome | None]:
    """Of each request: 200, its failure, or None while it is open."""
    failures: dict[int, Outcome] = {}
    for index, outcome in of.failures:
        assert index not in failures, "two outcomes for one request"
        failures[index] = outcome
    assert 0 <= of.left <= of.count
    if of.left:
        return [failures.get(index) for index in range(of.count)]
    return [failures.get(index, 200) for index in range(of.count)]
