"""What a connection writes: runs of whole requests where the windows let them, single ones in pieces where not."""

from bisect import bisect_right
from itertools import accumulate

from services.delivery.http2 import frames
from services.delivery.http2.batch import Batch
from services.delivery.http2.columns import header_fields, run_bytes
from services.delivery.http2.frames import ErrorCode, Violation
from services.delivery.http2.header_block import BlockWriter, Parts
from services.delivery.http2.peer import Peer
from services.delivery.http2.streams import Run, Streams


class Blocked:
    """A body that the windows have not let out whole."""

    __slots__ = ("body", "window")

    def __init__(self, body: bytes, window: int) -> None:
        self.body = memoryview(body)
        self.window = window


class Outbound:
    """Bytes for the peer, within its windows, frame size and header table. Owned by a `Connection`."""

    def __init__(self, authority: bytes, peer: Peer, streams: Streams) -> None:
        self._peer = peer
        self._streams = streams
        self._writer = BlockWriter(authority)
        self._out: list[bytes] = []
        self.window = frames.FIRST_WINDOW
        self.blocked: dict[int, Blocked] = {}
        self.next_stream = 1

    def put(self, data: bytes) -> None:
        """A frame that is no request."""
        self._out.append(data)

    def take(self) -> bytes:
        """Everything to be written, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    @property
    def waiting(self) -> int:
        """Pieces not yet taken."""
        return len(self._out)

    def send(self, batch: Batch, start: int, stop: int, now: float) -> int:
        """Opens streams for requests start to stop, as many as the windows let; returns how many."""
        at = start
        while at < stop:
            parts = self._writer.parts(batch.shared, now)
            common = len(parts.head) + len(parts.tail)
            n = 0
            if common + batch.widest_fields <= self._peer.frame_size:
                n = self._fitting(batch, at, at + 1 if parts.once else stop)
            if n:
                self._out.append(run_bytes(batch, at, at + n, self.next_stream, parts))
                self.window -= _body_bytes(batch, at, at + n)
            elif parts.once or not self._waits(batch, at):
                n = self._in_pieces(batch, at, parts)
            else:
                break
            self._open(batch, at, n, now)
            at += n
        return at - start

    def _open(self, batch: Batch, at: int, n: int, now: float) -> None:
        self._streams.add(Run(batch, at, self.next_stream, n, now))
        self.next_stream += 2 * n

    def _fitting(self, batch: Batch, start: int, stop: int) -> int:
        """How many bodies, from the first, go out whole, in one frame each."""
        whole = min(self._peer.frame_size, self._peer.initial_window)
        sizes = batch.body_sizes
        if sizes is None:
            if batch.widest_body > whole:
                return 0
            return min(stop - start, max(self.window, 0) // batch.widest_body) if batch.widest_body else stop - start
        some = sizes[start:stop]
        if batch.widest_body > whole:
            some = some[: next((i for i, size in enumerate(some) if size > whole), None)]
        if sum(some) <= self.window:
            return len(some)
        return bisect_right(list(accumulate(some)), self.window)

    def _waits(self, batch: Batch, index: int) -> bool:
        """Whether a request is better not begun: a little later its body can go whole.

        While nothing is open nobody will widen the window for us, so then it goes in pieces.
        """
        size = batch.widest_body if batch.body_sizes is None else batch.body_sizes[index]
        whole = size <= min(self._peer.frame_size, self._peer.initial_window)
        return self.window <= 0 or (whole and size > self.window and bool(self._streams.open))

    def _in_pieces(self, batch: Batch, index: int, parts: Parts) -> int:
        """One request whose block or body needs more than one frame, or more than the windows have."""
        stream, size = self.next_stream, self._peer.frame_size
        block = header_fields(batch, index, parts)
        body = batch.bodies if isinstance(batch.bodies, bytes) else batch.bodies[index]
        for at in range(0, len(block), size):
            last = frames.END_HEADERS if at + size >= len(block) else 0
            kind = frames.CONTINUATION if at else frames.HEADERS
            ends = frames.END_STREAM if not at and not body else 0
            self._out.append(frames.frame(kind, last | ends, stream, block[at : at + size]))
        if body:
            self.blocked[stream] = Blocked(body, self._peer.initial_window)
            self._push(stream)
        return 1

    def _push(self, stream: int) -> None:
        """As much of a blocked body as the windows let."""
        one = self.blocked[stream]
        while one.body:
            n = min(len(one.body), self._peer.frame_size, one.window, self.window)
            if n <= 0:
                return
            ends = frames.END_STREAM if n == len(one.body) else 0
            self._out.append(frames.frame(frames.DATA, ends, stream, bytes(one.body[:n])))
            one.body = one.body[n:]
            one.window -= n
            self.window -= n
        del self.blocked[stream]

    def close(self, stream: int) -> bool:
        """The stream has ended; True if its body had not gone out whole."""
        return self.blocked.pop(stream, None) is not None

    def widen(self, by: int) -> None:
        """A WINDOW_UPDATE for the connection. Raises `Violation`."""
        self.window += by
        if self.window > frames.MOST_WINDOW:
            raise Violation(ErrorCode.FLOW_CONTROL_ERROR, "connection window overflows")
        self._push_all()

    def widen_stream(self, stream: int, by: int) -> bool:
        """A WINDOW_UPDATE for a stream; False if its window overflows. Windows of bodies that are out do not matter."""
        one = self.blocked.get(stream)
        if one is not None:
            one.window += by
            if one.window > frames.MOST_WINDOW:
                return False
            self._push(stream)
        return True

    def initial_window_changed(self, by: int) -> None:
        """Windows may become negative by this (RFC 9113, section 6.9.2). Raises `Violation`."""
        for one in self.blocked.values():
            one.window += by
            if one.window > frames.MOST_WINDOW:
                raise Violation(ErrorCode.FLOW_CONTROL_ERROR, "stream window overflows")
        self._push_all()

    def table_changed(self) -> None:
        """The peer's header table has another size."""
        self._writer.resize(self._peer.table_size)

    def _push_all(self) -> None:
        for stream in tuple(self.blocked):
            if self.window <= 0:
                return
            self._push(stream)


def _body_bytes(batch: Batch, start: int, stop: int) -> int:
    if batch.body_sizes is None:
        return batch.widest_body * (stop - start)
    return sum(batch.body_sizes[start:stop])
