"""Many requests in, many outcomes out: what travels through the engine in place of single requests."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from services.delivery.http2.header_block import Fields, integer, literal_name, string
from shared.flow.lane import Lane
from shared.flow.record import LATENCY_BOUNDS
from shared.flow.verdict import Answer, Outcome

Column = bytes | Sequence[bytes]
"""The same bytes for every request, or its own for each."""

OPEN, SUCCESS, FAILURE = range(3)
TIMEOUT: Final = 30.0
PATIENCE: Final = 60.0


class Batch:
    """Requests that share an origin and their stable fields. Made by the caller, handed to the engine once.

    `own` are fields with a value for each request, such as `apns-id`. `timeout`: seconds from writing a request until
    its outcome is unknown; `patience`: seconds in which it must be written, else it certainly was not processed.
    `fresh`: not on a connection that has refused requests.

    When it is done: every request that is not in `failures` was answered 200; `failures` holds (index, outcome) in the
    order in which they came. `latency` counts answers by LATENCY_BOUNDS. `first_answer` and `last_answer` are times of
    the event loop's clock, 0 if there was none.
    """

    __slots__ = (
        "bodies", "body_sizes", "columns", "count", "failures", "field_sizes", "first_answer", "fresh", "kept", "lane",
        "last_answer", "latency", "left", "on_done", "patience", "plan", "plan_parts", "shared", "taken", "timeout",
        "widest_body", "widest_fields", "written_at",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913  # the shape of a request
        self,
        count: int,
        shared: Fields,
        path: Column,
        body: Column,
        *,
        own: Sequence[tuple[bytes, Sequence[bytes]]] = (),
        lane: Lane = Lane.BULK,
        fresh: bool = False,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        keep: bool = False,
    ) -> None:
        self.count = self.left = count
        self.shared = shared
        self.bodies = body
        self.lane = lane
        self.fresh = fresh
        self.timeout = timeout
        self.patience = patience
        self.on_done: Callable[[], None] | None = None
        self.taken = 0
        """How many of its requests, from the first, have been given to a connection."""
        self.written_at = 0.0
        """When the last of them was, by the event loop's clock."""
        self.failures: list[tuple[int, Outcome]] = []
        self.latency = [0] * (len(LATENCY_BOUNDS) + 1)
        self.first_answer = self.last_answer = 0.0
        self.kept: dict[int, bytes] | None = {} if keep else None
        """The bodies of successes by index, where they are wanted; else they are not looked at."""
        self.plan: list[Column | None] = []
        self.plan_parts: object = None
        self._lay_out(path, own)
        self.body_sizes = None if isinstance(body, bytes) else list(map(len, body))
        self.widest_body = len(body) if isinstance(body, bytes) else max(self.body_sizes or (0,))

    def _lay_out(self, path: Column, own: Sequence[tuple[bytes, Sequence[bytes]]]) -> None:
        """The fields of each request's own as columns; the path's come first."""
        self.field_sizes: int | list[int]
        self.columns: list[tuple[Column, ...]] = [_literals(literal_name(b":path"), path)]
        self.columns += [_literals(literal_name(name), values) for name, values in own]
        if self.count == 1:  # as most bundles of single sends are made of
            whole = [b"".join(map(_only, columns)) for columns in self.columns]
            self.columns = [(one,) for one in whole]
            self.field_sizes = self.widest_fields = sum(map(len, whole))
            return
        flat = [column for columns in self.columns for column in columns]
        fixed = sum(len(column) for column in flat if isinstance(column, bytes))
        varying = [list(map(len, column)) for column in flat if not isinstance(column, bytes)]
        if all(len(set(sizes)) <= 1 for sizes in varying):
            self.field_sizes = fixed + sum(sizes[0] for sizes in varying if sizes)
            self.widest_fields = self.field_sizes
        else:
            self.field_sizes = [fixed + sum(sizes) for sizes in zip(*varying, strict=True)]
            self.widest_fields = max(self.field_sizes)

    @property
    def delivered(self) -> int:
        """How many were answered 200, when it is done."""
        return self.count - len(self.failures)

    def let_go(self) -> None:
        """Everything was written: what it was written from is not kept for a few answers that are still to come."""
        self.columns, self.bodies, self.plan, self.plan_parts = [], b"", [], None

    def statuses(self) -> bytearray:
        """SUCCESS or FAILURE for each request, when it is done."""
        found = bytearray([SUCCESS]) * self.count
        for index, _ in self.failures:
            found[index] = FAILURE
        return found

    def succeeded(self, n: int, seconds: float, now: float) -> None:
        """That many more were answered 200, so long after they were written."""
        self._answered(n, seconds, now)
        self.left -= n
        if not self.left and self.on_done:
            self.on_done()

    def failed(self, index: int, outcome: Outcome, now: float) -> None:
        """One has another outcome."""
        if isinstance(outcome, Answer):
            self._answered(1, outcome.seconds, now)
        self.failures.append((index, outcome))
        self.left -= 1
        if not self.left and self.on_done:
            self.on_done()

    def abandon(self, outcome: Outcome, now: float) -> None:
        """What no connection has taken gets this outcome."""
        start, self.taken = self.taken, self.count
        for index in range(start, self.count):
            self.failed(index, outcome, now)

    def _answered(self, n: int, seconds: float, now: float) -> None:
        self.latency[bisect_left(LATENCY_BOUNDS, seconds)] += n
        self.first_answer = self.first_answer or now
        self.last_answer = now


def _only(column: Column) -> bytes:
    return column if isinstance(column, bytes) else column[0]


def _literals(name: bytes, values: Column) -> tuple[Column, ...]:
    """A field as columns: one if it is the same for all; a common start and the values, where all are equally long."""
    if isinstance(values, bytes):
        return (name + string(values),)
    lengths = set(map(len, values))
    if len(lengths) == 1:
        return (name + integer(lengths.pop(), 7, 0), values)
    return ([name + string(value) for value in values],)
