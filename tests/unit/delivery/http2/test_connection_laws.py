"""Laws of the connection: however the bytes are cut, whatever they say, each request ends in exactly one outcome."""

from collections.abc import Sequence
from itertools import pairwise
from struct import pack

from hyperframe.frame import DataFrame, RstStreamFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.delivery.http2.batch import Batch
from services.delivery.http2.frames import ErrorCode
from shared.flow.lane import Lane
from shared.flow.verdict import Answer, NotProcessed, OutcomeUnknown
from tests.unit.delivery.http2 import far_end
from tests.unit.delivery.http2.far_end import (
    NO_TABLE,
    OK,
    Pair,
    batch,
    data,
    goaway,
    headers,
    literal,
    outcomes,
    pair,
    raw,
)
from tests.unit.delivery.http2.far_end import reset as reset_frame
from tests.unit.delivery.http2.far_end import window as window_frame

OPENED = 12
STREAMS = st.sampled_from(range(1, 2 * OPENED + 6))
BLOCKS = st.sampled_from(
    [OK, NO_TABLE + OK, literal(410, ("a", "b")), literal(103), literal(503), b"", b"\x10\x01a\x01b"]
)
BODIES = st.sampled_from([b"", b'{"name":"x"}', b"<html>", b'{"reason":"Unregistered"}', b"x" * 300])
NUMBERS = st.one_of(st.integers(0, 300), st.sampled_from([2**14, 2**16, 2**31 - 1, 2**31, 2**32 - 1]))


@st.composite
def frames(draw: st.DrawFn) -> bytes:  # noqa: PLR0911  # a table of frames
    """Frames as a server might send them, right and wrong."""
    stream = draw(STREAMS)
    flags = draw(st.sampled_from([0, 1, 4, 5, 5, 5, 8, 0x25, 0x2D, 0xFF]))
    match draw(st.integers(0, 11)):
        case 0 | 1 | 2:
            return headers(stream | 1, draw(BLOCKS), ends=draw(st.booleans()))
        case 3 | 4:
            return data(stream | 1, draw(BODIES), ends=draw(st.booleans()))
        case 5:
            return raw(draw(st.sampled_from([0, 1, 9])), flags, stream, draw(BLOCKS) + draw(BODIES))
        case 6:
            return reset_frame(stream | 1, draw(st.integers(0, 14)))
        case 7:
            return far_end.settings((draw(st.integers(1, 7)), draw(NUMBERS)))
        case 8:
            return window_frame(draw(st.sampled_from([0, stream])), draw(NUMBERS) & 2**31 - 1)
        case 9:
            return goaway(draw(st.sampled_from([0, 5, 9, 2**31 - 1])), draw(st.integers(0, 13)), draw(BODIES))
        case 10:
            return raw(6, draw(st.sampled_from([0, 1])), 0, b"carillon")
        case _:
            return raw(
                draw(st.integers(0, 255)), flags, draw(st.sampled_from([0, stream])), draw(st.binary(max_size=40))
            )


def started(*pairs: tuple[int, int], plain: bool) -> tuple[Pair, Batch]:
    """A connection with requests in flight, some of them in the middle of their bodies if the window is small."""
    at = pair(*pairs, plain=plain)
    at.send(asked := batch(OPENED, b'{"aps":{"alert":"' + b"x" * 60 + b'"}}'))
    return at, asked


def told(at: Pair, pieces: Sequence[bytes]) -> bytes:
    written = b""
    for piece in pieces:
        at.connection.receive(piece, at.now)
        written += at.connection.take()
    return written


@given(
    st.lists(frames(), max_size=25),
    st.lists(st.integers(0, 3000), max_size=40),
    st.booleans(),
    st.sampled_from([0, 20, 65535]),
)
@settings(max_examples=300, deadline=None)
def test_however_the_bytes_are_cut_the_same_happens(
    said: list[bytes],
    cuts: list[int],
    plain: bool,  # noqa: FBT001  # drawn
    initial: int,
) -> None:
    stream = b"".join(said)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    (whole, asked), (cut, asked_again) = started((4, initial), plain=plain), started((4, initial), plain=plain)
    assert told(whole, [stream]) == told(cut, pieces)
    assert outcomes(asked) == outcomes(asked_again)
    assert whole.connection.dead == cut.connection.dead
    assert whole.connection.peer == cut.connection.peer


@given(
    st.lists(st.one_of(frames(), st.binary(max_size=60)), max_size=30), st.booleans(), st.sampled_from([0, 20, 65535])
)
@settings(max_examples=500, deadline=None)
def test_whatever_is_said_every_request_ends_once_and_nothing_is_raised(
    said: list[bytes],
    plain: bool,  # noqa: FBT001  # drawn
    initial: int,
) -> None:
    at, asked = started((4, initial), plain=plain)
    more = batch(5)
    for piece in said:
        at.connection.receive(piece, at.now)
        room = at.connection.room(Lane.BULK)
        more.taken += at.connection.send(more, more.taken, min(more.taken + room, more.count), at.now)
        at.now += 1
        at.connection.tick(at.now)
    at.connection.take()
    at.connection.lost("gone", at.now)
    more.abandon(NotProcessed("never written"), at.now)
    assert asked.left == more.left == 0
    assert None not in [*outcomes(asked), *outcomes(more)]
    assert len(asked.failures) + asked.delivered == OPENED
    assert not at.connection.in_flight


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_garbage_from_the_first_byte_closes_cleanly(said: bytes) -> None:
    at, asked = started(plain=True)
    at.connection.receive(said, at.now)
    at.connection.lost("gone", at.now)
    assert asked.left == 0


class Server(RuleBasedStateMachine):
    """A server that does as it likes, within the protocol, and remembers what it did to each request."""

    at: Pair

    @initialize(
        limit=st.sampled_from([1, 2, 10, 100]),
        window=st.sampled_from([0, 15, 65535]),
        table=st.sampled_from([0, 300, 4096]),
    )
    def open(self, limit: int, window: int, table: int) -> None:
        self.limit, self.initial = limit, window
        self.connection_window = 65535
        self.windows: dict[int, int] = {}
        self.batches: list[Batch] = []
        self.meant: dict[tuple[int, int], type | int] = {}
        self.where: dict[int, tuple[int, int]] = {}
        self.at = pair((1, table), (3, limit), (4, window), plain=False)
        self.plain = False
        self.last = 2**31

    @property
    def waiting(self) -> list[int]:
        return [stream for stream in self.where if self.where[stream] not in self.meant]

    def _block(self, block: bytes) -> bytes:
        """Our acknowledgement of the table came first, so the first block says the size."""
        self.plain, first = True, not self.plain
        return NO_TABLE + block if first else block

    @rule(
        count=st.integers(1, 20),
        size=st.sampled_from([0, 10, 100, 20_000]),
        lane=st.sampled_from(Lane),
        each=st.booleans(),
    )
    def ask(self, count: int, size: int, lane: Lane, each: bool) -> None:  # noqa: FBT001  # drawn
        if self.at.connection.dead:
            return
        bodies = [b"x" * (size + n) for n in range(count)] if each else b"x" * size
        self.batches.append(batch(count, bodies, lane=lane))
        self._send()

    def _send(self) -> None:
        for number, one in enumerate(self.batches):
            seen, before = set(self.at.far.requests), one.taken
            frames_before = len(self.at.far.frames)
            self.at.send(one)
            opened = sorted(set(self.at.far.requests) - seen)
            assert len(opened) == one.taken - before
            self.windows |= dict.fromkeys(opened, self.initial)
            self._count(frames_before)
            for stream, index in zip(opened, range(before, one.taken), strict=True):
                assert stream <= self.last
                request = self.at.far.requests[stream]
                assert request.field(b":path") == b"/3/device/%08x" % index
                assert request.field(b"apns-id") == b"id-%06d" % index
                self.where[stream] = (number, index)
        assert len(self.waiting) <= max(self.limit, self._over)

    _over = 0

    def _count(self, since: int) -> None:
        """What was sent must have had room."""
        for frame in self.at.far.frames[since:]:
            if isinstance(frame, DataFrame):
                self.connection_window -= len(frame.data)
                self.windows[frame.stream_id] -= len(frame.data)
                assert self.connection_window >= 0
                assert self.windows[frame.stream_id] >= 0 or not frame.data
            elif isinstance(frame, RstStreamFrame) and frame.error_code == ErrorCode.CANCEL:
                self.meant.setdefault(self.where[frame.stream_id], OutcomeUnknown)

    def _say(self, *said: bytes) -> None:
        before = len(self.at.far.frames)
        self.at.say(*said)
        self._count(before)
        assert not self.at.connection.dead, self.at.connection.dead
        self._over = len(self.waiting)
        self._send()

    @precondition(lambda self: self.waiting)
    @rule(pick=st.integers(0, 10**6), how=st.sampled_from(["ok", "ok", "ok", "body", "gone", "refuse", "reset", "1xx"]))
    def react(self, pick: int, how: str) -> None:
        stream = self.waiting[pick % len(self.waiting)]
        place = self.where[stream]
        match how:
            case "ok":
                self.meant[place] = 200
                self._say(headers(stream, self._block(OK)))
            case "body":
                self.meant[place] = 200
                self._say(headers(stream, self._block(OK), ends=False), data(stream, b'{"name":1}'))
            case "gone":
                self.meant[place] = Answer
                self._say(headers(stream, self._block(literal(410)), ends=False), data(stream, b"x"))
            case "refuse":
                self.meant[place] = NotProcessed
                self._say(reset_frame(stream, 7))
            case "reset":
                self.meant[place] = OutcomeUnknown
                self._say(reset_frame(stream, 2))
            case _:
                self._say(headers(stream, self._block(literal(103)), ends=False))

    @precondition(lambda self: self.waiting)
    @rule()
    def answer_all(self) -> None:
        streams = self.waiting
        self.meant |= dict.fromkeys((self.where[stream] for stream in streams), 200)
        self._say(*[headers(stream, self._block(OK)) for stream in streams])

    @rule(key=st.sampled_from([1, 3, 4, 5]), value=st.sampled_from([0, 1, 5, 50, 4096, 65535]))
    def change(self, key: int, value: int) -> None:
        if self.at.connection.dead or (key == 5 and value < 16384):
            return
        if key == 1:
            self.at.far.decoder.max_allowed_table_size = value
        elif key == 3:
            self.limit = value
        elif key == 4:
            self.windows = {stream: left + value - self.initial for stream, left in self.windows.items()}
            self.initial = value
        self._say(far_end.settings((key, value)))

    @rule(by=st.sampled_from([1, 100, 100_000]), pick=st.one_of(st.none(), st.integers(0, 10**6)))
    def widen(self, by: int, pick: int | None) -> None:
        if pick is None:
            self.connection_window += by
            self._say(window_frame(0, by))
        elif self.windows:
            stream = list(self.windows)[pick % len(self.windows)]
            self.windows[stream] += by
            self._say(window_frame(stream, by))

    @rule(seconds=st.sampled_from([0.1, 10.0]))
    def pass_time(self, seconds: float) -> None:
        before = len(self.at.far.frames)
        self.at.wait(seconds)
        self._count(before)
        self._say(raw(6, 1, 0, b"carillon"))

    @precondition(lambda self: self.waiting)
    @rule(pick=st.integers(0, 10**6))
    def go_away(self, pick: int) -> None:
        self.last = min(self.last, self.waiting[pick % len(self.waiting)])
        for stream in self.waiting:
            if stream > self.last:
                self.meant[self.where[stream]] = NotProcessed
        self._say(goaway(self.last))

    @invariant()
    def each_request_has_the_outcome_that_the_server_meant(self) -> None:
        for (number, index), meant in getattr(self, "meant", {}).items():
            found = outcomes(self.batches[number])[index]
            if isinstance(meant, type):
                assert isinstance(found, meant)
            else:
                assert found in (meant, None)

    def teardown(self) -> None:
        if not hasattr(self, "batches"):
            return
        self.at.connection.lost("gone", self.at.now)
        for number, one in enumerate(self.batches):
            one.abandon(NotProcessed("never written"), self.at.now)
            assert one.left == 0
            for index, found in enumerate(outcomes(one)):
                meant = self.meant.get((number, index))
                if meant is None:
                    assert isinstance(found, NotProcessed | OutcomeUnknown)
                else:
                    assert found == meant or (isinstance(meant, type) and isinstance(found, meant))


Server.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestServer = Server.TestCase


def test_a_far_end_reads_numbers_as_we_write_them() -> None:
    assert far_end.settings((3, 1)) == b"\0\0\x06\x04\0" + pack(">IHI", 0, 3, 1)
