"""A send cut into work: routes (a variant each), slices (some seconds of work) and chunks (closed by a record each).

A plan is inserted once and never changed; every slice id, bound and number of chunks follows from it. A route is either
a scan of the shard range, cut at `bounds`, or a walk over stored lists, cut into pieces of one part each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

from pydantic import Field

from shared.flow.identity import SHARDS, member_id, slice_id
from shared.flow.lane import Lane
from shared.flow.model import Travelling
from shared.flow.send import Send
from shared.flow.timing import measured_from
from shared.flow.verdict import Fate

CHUNK_SIZE: Final = 500
CHUNKS_IN_A_SLICE: Final = 10


class Piece(Travelling):
    """Positions `start` to `end` (not included) of stored list part `part`."""

    part: int
    start: int
    end: int


class PlannedRoute(Travelling):
    """One variant of a plan. `bounds` has one entry more than `chunks`; lists use `pieces` instead."""

    variant: str
    platform: str
    bounds: tuple[int, ...] = ()
    pieces: tuple[Piece, ...] = ()
    chunks: tuple[int, ...] = Field(description="the number of chunks of each slice")
    look: int = Field(default=-1, description="by which of the audience's looks the devices are found; -1: by none")
    sample: int = Field(default=0, description="so many slices, the first ones, are the canary's sample")


class Counted(Travelling):
    """How many devices of a variant were never planned, as the send was called off or past its time by then."""

    variant: str
    platform: str
    n: int
    fate: Fate = Fate.EXPIRED
    reason: str = ""


class Plan(Travelling):
    """The whole of a send's first attempt, decided once."""

    v: Literal[1] = 1
    key: str
    app: str
    lane: Lane
    accepted_at: datetime
    begins_at: datetime | None = Field(default=None, description="of a send that was scheduled")
    deadline: datetime
    routes: tuple[PlannedRoute, ...]
    dry_run: bool = False
    pace: float | None = Field(default=None, description="seconds between two chunks of a send that is spread")
    trace: str = Field(default="", description="of its planning, if the send is sampled")
    counted: tuple[Counted, ...] = Field(default=(), description="with no routes: what a send closed unplanned holds")

    @property
    def since(self) -> datetime:
        """From when on it counts how long it takes."""
        return measured_from(self.accepted_at, self.begins_at)

    @property
    def chunks(self) -> int:
        """How many first-attempt records close this plan."""
        return sum(sum(route.chunks) for route in self.routes)

    def slices(self) -> Iterator["Slice"]:
        """Every slice, in the order in which they are released."""
        for route, planned in enumerate(self.routes):
            for number, chunks in enumerate(planned.chunks):
                yield Slice(slice_id(self.key, route, number), planned.variant, planned.platform, chunks)


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of a plan."""

    id: str
    variant: str
    platform: str
    chunks: int

    def members(self) -> list[str]:
        """The ids of its chunks."""
        return [member_id(self.id, chunk) for chunk in range(self.chunks)]


@dataclass(frozen=True, slots=True)
class ShardRange:
    """The devices of a chunk: those with `low <= shard < high`."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class ListRange:
    """The devices of a chunk: those named at positions `start` to `end` of a list part; part -1 is the send itself."""

    part: int
    start: int
    end: int


def chunk_of(route: PlannedRoute, number: int, chunk: int) -> ShardRange | ListRange:
    """What chunk `chunk` of slice `number` covers: equal shares of the slice, none left out and none twice."""
    of = route.chunks[number]
    if route.pieces:
        piece = route.pieces[number]
        return ListRange(
            piece.part, _share(piece.start, piece.end, chunk, of), _share(piece.start, piece.end, chunk + 1, of)
        )
    low, high = route.bounds[number], route.bounds[number + 1]
    return ShardRange(_share(low, high, chunk, of), _share(low, high, chunk + 1, of))


def cut_range(
    estimate: int, chunk_size: int = CHUNK_SIZE, in_a_slice: int = CHUNKS_IN_A_SLICE
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Bounds and chunk numbers for about `estimate` devices spread evenly over the shard range."""
    chunks = max(1, -(-estimate // chunk_size))
    slices = -(-chunks // in_a_slice)
    bounds = tuple(_share(0, SHARDS, n, slices) for n in range(slices + 1))
    return bounds, tuple(_share(0, chunks, n + 1, slices) - _share(0, chunks, n, slices) for n in range(slices))


def cut_lists(
    lengths: Sequence[int], chunk_size: int = CHUNK_SIZE, in_a_slice: int = CHUNKS_IN_A_SLICE
) -> tuple[tuple[Piece, ...], tuple[int, ...]]:
    """Pieces and chunk numbers for list parts of these lengths; a piece never spans two parts."""
    return cut_spans([(part, 0, length) for part, length in enumerate(lengths)], chunk_size, in_a_slice)


def cut_spans(
    spans: Sequence[tuple[int, int, int]], chunk_size: int, in_a_slice: int
) -> tuple[tuple[Piece, ...], tuple[int, ...]]:
    """The same for spans of list parts: part, start and end of each."""
    step = chunk_size * in_a_slice
    pieces = [
        Piece(part=part, start=at, end=min(at + step, end))
        for part, start, end in spans
        for at in range(start, end, step)
    ]
    return tuple(pieces), tuple(-(-(piece.end - piece.start) // chunk_size) for piece in pieces)


def own_plan(send: Send) -> Plan:
    """The plan of a small send: one slice of one chunk for each route, over the recipients in the send itself."""
    routes = tuple(
        [_own_route(route.variant, route.platform, send.request.audience.named or 0) for route in send.routes]
    )
    return Plan(
        key=send.key, app=send.app, lane=send.lane, accepted_at=send.accepted_at, deadline=send.deadline, routes=routes,
        dry_run=send.request.dry_run,
    )  # fmt: skip


@lru_cache(1000)
def _own_route(variant: str, platform: str, named: int) -> PlannedRoute:
    """The same for every small send to this variant."""
    return PlannedRoute(variant=variant, platform=platform, pieces=(Piece(part=-1, start=0, end=named),), chunks=(1,))


def _share(low: int, high: int, n: int, of: int) -> int:
    return low + (high - low) * n // of
