"""What a listener and a provider's rules say to each other: requests, answers, and the handler that decides."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

Headers = tuple[tuple[str, str], ...]


class Then(Enum):
    """What follows a GOAWAY."""

    DRAIN = "drain"  # answer the streams at or below its last-stream-id, then close
    CLOSE = "close"  # close the TCP connection at once: what is in flight loses its answer
    STAY = "stay"  # keep the connection; whoever sent it follows up (a second GOAWAY)


class Excess(Enum):
    """What happens to a stream above the advertised limit."""

    REFUSE = "refuse"  # RST_STREAM(REFUSED_STREAM)
    GOAWAY = "goaway"
    SERVE = "serve"


class Connection(Protocol):
    """One client connection. Made by the listener, lives until TCP ends; a handler may keep its memory in `state`."""

    id: int
    protocol: str  # "h2" or "http/1.1"
    peer: str  # the client's address without its port
    certificate: bytes | None  # the client's certificate, DER
    state: dict[str, Any]
    requests: int  # handed to `Handler.answer` so far
    opened_at: float  # by `Handler.now`
    active_at: float  # by `Handler.now`: the last bytes in or answer out
    limit: int  # MAX_CONCURRENT_STREAMS as last advertised

    @property
    def in_flight(self) -> int:
        """Streams opened and not yet answered, black-holed ones included."""

    def change_settings(self, changes: Mapping[SettingCodes, int]) -> None:
        """Send a SETTINGS frame (no effect on HTTP/1.1)."""

    def goaway(
        self,
        *,
        last_stream_id: int | None = None,
        error: ErrorCodes = ErrorCodes.NO_ERROR,
        debug: bytes = b"",
        then: Then = Then.DRAIN,
    ) -> int:
        """Send GOAWAY; without an id the highest stream handed to `answer` counts. Later streams are not processed."""

    def close(self) -> None:
        """End TCP at once, whatever is in flight."""


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request. `headers` are in wire order with the pseudo headers; bytes that are no UTF-8 are escaped."""

    connection: Connection
    stream: int
    headers: Headers
    body: bytes
    received_at: float  # time.time()

    @property
    def method(self) -> str:
        """The `:method`."""
        return self.header(":method") or ""

    @property
    def path(self) -> str:
        """The `:path`, with its query."""
        return self.header(":path") or ""

    def header(self, name: str) -> str | None:
        """The first value of a header (lower-case name), or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def headers_named(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `after` is in real seconds; `split` sends the body as two DATA frames."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    after: float = 0.0
    split: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """The stream ends in RST_STREAM (on HTTP/1.1: the connection closes)."""

    code: ErrorCodes = ErrorCodes.INTERNAL_ERROR
    after: float = 0.0


class Drop(Enum):
    """No answer at all."""

    BLACK_HOLE = "black_hole"  # the stream stays open for ever, PING is still answered
    CLOSE = "close"  # TCP ends before the answer


Answer = Response | Reset | Drop


class Handler(Protocol):
    """A provider's rules behind one port. Subclass it and override: only `answer` must be given.

    Everything runs on the event loop's thread and must not block. `answer` is called once a request is complete, in
    order of completion: what it decides (and writes to the ledger) has happened, even if the answer is delayed
    (`Response.after`), lost, or the stream reset meanwhile.
    """

    def now(self) -> float:
        """Seconds of the clock by which connections age and idle."""
        return time.monotonic()

    def accept(self, connection: Connection) -> bool:  # noqa: ARG002  for whoever overrides it
        """Take a new connection (TLS is done, nothing sent yet); False closes it."""
        return True

    def settings(self, connection: Connection) -> dict[SettingCodes, int]:  # noqa: ARG002  for whoever overrides it
        """The initial SETTINGS of a new HTTP/2 connection."""
        return {}

    def opened(self, connection: Connection) -> None:
        """The initial SETTINGS are written."""

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """Decide."""

    def answered(self, request: Request, response: Response) -> None:
        """The answer is written: the place for SETTINGS or a GOAWAY that follow it."""

    def excess(self, connection: Connection) -> Excess:  # noqa: ARG002  for whoever overrides it
        """A stream above the limit came in."""
        return Excess.REFUSE

    def deaf(self, connection: Connection) -> bool:  # noqa: ARG002  for whoever overrides it
        """True freezes the connection for good: nothing is read or answered any more, not even a PING."""
        return False

    def sweep(self, connection: Connection) -> None:
        """Called about four times a second for every connection: idle rules, age rules."""
