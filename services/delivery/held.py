"""The chunks that this process works on: who waits for them, and whether the claim on them still holds."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shared.bus.incoming import Incoming
from shared.store.claims import Claim

MARGIN: Final = timedelta(seconds=1)
"""A chunk is started only while the claim has longer than this, by our own clock."""


@dataclass(slots=True)
class Held:
    """Chunks under one claim of ours. `messages` are acked together when the last chunk is recorded."""

    claim: Claim
    until: datetime
    messages: list[Incoming] = field(default_factory=list)
    lost: bool = False
    alone: bool = False
    """It is worked by itself: the process begins nothing else."""
    one_by_one: bool = False
    """The store is told which chunks are begun; else all of them are, from the start."""
    begun: set[str] = field(default_factory=set)
    """The first chunk of each group of which it was told."""
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)

    def next_to(self, chunk: str, together: int) -> Sequence[str]:
        """The group of chunks that this one belongs to, so many together."""
        place = self.claim.members.index(chunk) // together * together
        return self.claim.members[place : place + together]

    def good(self, now: datetime) -> bool:
        """Whether another chunk may be started."""
        return not self.lost and now < self.until - MARGIN


class Table:
    """All that this process holds, by chunk. Not shared with other processes: claims are for that."""

    def __init__(self) -> None:
        self._by_chunk: dict[str, Held] = {}

    def find(self, chunks: Iterable[str]) -> Held | None:
        """What we hold of these chunks, if any."""
        return next((self._by_chunk[one] for one in chunks if one in self._by_chunk), None)

    def add(self, held: Held) -> None:
        """From now on a second message for one of these chunks waits."""
        for one in held.claim.members:
            self._by_chunk[one] = held

    def remove(self, held: Held) -> None:
        """The work is over, done or not."""
        for one in held.claim.members:
            if self._by_chunk.get(one) is held:
                del self._by_chunk[one]

    def all(self) -> list[Held]:
        """Each claim once."""
        return list({held.claim.id: held for held in self._by_chunk.values()}.values())
