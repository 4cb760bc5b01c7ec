"""What travels on the bus: wake-ups that name things in the store, never tokens and never a payload.

One message is a bundle: it may carry many members. A message that comes back is taken apart.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from shared.flow.lane import Lane
from shared.flow.model import Travelling
from shared.flow.send import Problem


class SendsDue(Travelling):
    """ingest → planner: these sends are stored and want planning."""

    v: Literal[1] = 1
    sends: tuple[str, ...] = Field(default=(), description="send keys")
    small: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="small sends whose slices nobody has published, by key: the platforms of their routes",
    )


class SliceDue(Travelling):
    """One slice to work. `chunks` narrows it to those chunks (a slice that killed workers goes chunk by chunk)."""

    id: str
    chunks: tuple[int, ...] | None = Field(default=None, min_length=1)


class SlicesDue(Travelling):
    """ingest, planner and delivery → delivery: these slices, all of one platform and lane."""

    v: Literal[1] = 1
    slices: tuple[SliceDue, ...]
    alone: bool = Field(default=False, description="was taken apart, so it is not worked together with others again")


class SmallSend(Travelling):
    """What the report of a small send rests on beside its records; never changes."""

    key: str
    routes: int
    accepted_at: datetime


class Refused(Travelling):
    """A command that was refused and not stored, because another send has its id. `mark` tells it from others."""

    key: str
    mark: str
    problems: tuple[Problem, ...]


class ChunksDone(Travelling):
    """delivery → reporter and planner: these chunks have a record. `again`: derive everything from the store again."""

    v: Literal[1] = 1
    lane: Lane
    record: str | None = Field(default=None, description="the record's id; None with `again`")
    members: tuple[str, ...] = ()
    small: tuple[SmallSend, ...] = Field(default=(), description="the sends, if they are small")
    again: tuple[str, ...] = Field(default=(), description="send keys to sum afresh")
    refused: tuple[Refused, ...] = ()
