"""The truth about chunks: what one record says. Inserted once, never changed; everything else is derived from it."""

from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from shared.flow.identity import attempt_of
from shared.flow.lane import Lane
from shared.flow.model import Travelling
from shared.flow.receipt import Receipts
from shared.flow.verdict import Fate

LATENCY_BOUNDS: tuple[float, ...] = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of the latency histogram, seconds; one more bucket holds the rest."""

AWAITED: Final = "answer_awaited"
"""The reason under which devices are owed whose requests are still open. Nothing else is owed under it."""
LOCAL_TIME: Final = "local_time"
QUIET_HOURS: Final = "quiet_hours"
OWN_TIME: Final = (LOCAL_TIME, QUIET_HOURS)
"""The reasons under which devices are owed that only wait for a time of their own."""


class Count(Travelling):
    """How many notifications of a chunk ended this way, for this reason ("" where the fate says it all)."""

    fate: Fate
    reason: str = ""
    n: int


class Undelivered(Travelling):
    """One device that was not delivered, and why. `since` is the provider's time for a dead token."""

    device: bytes
    fate: Fate
    reason: str = ""
    since: datetime | None = None
    suspect: bool = Field(default=False, description="the reason speaks against the token, or comes from a mix-up")


class Owed(Travelling):
    """Devices that get another attempt: `step` numbers the debts of one chunk, `due` is when."""

    step: int
    due: datetime
    reason: str
    devices: tuple[bytes, ...]
    unknown: bool = Field(default=False, description="they may have been delivered already")
    stored: bool = Field(default=False, description="no wait queue is long enough: the sweep publishes it when due")
    until: datetime | None = Field(default=None, description="their own deadline, if it is sooner than the send's")
    holds: int = Field(default=0, description="how many of the attempts so far only waited for a device's own time")


class Part(Travelling):
    """One chunk inside a record: matched = the sum of counts + the devices owed."""

    member: str
    send: str
    app: str
    variant: str
    platform: str
    matched: int
    counts: tuple[Count, ...]
    undelivered: tuple[Undelivered, ...] = ()
    owed: tuple[Owed, ...] = ()
    latency: tuple[int, ...] = Field(default=(), description="answers by LATENCY_BOUNDS; empty if none")
    looked_up_at: datetime
    first_answer_at: datetime | None = None
    last_answer_at: datetime | None = None
    closing: bool = Field(default=False, description="closed by counting, not by delivery")
    dry_run: bool = Field(default=False, description="nobody was reached, and nothing follows from it for devices")
    lane: Lane | None = Field(default=None, description="the send's; with its acceptance, for sums over sends")
    accepted_at: datetime | None = Field(default=None, description="or the moment of a send that was scheduled")
    receipts: Receipts | None = Field(default=None, exclude=True, description="kept beside the record, not in it")
    unused: tuple[tuple[str, str, bytes], ...] = Field(
        default=(), exclude=True, description="places under frequency caps to give back: where, the send, the device"
    )

    @property
    def first(self) -> bool:
        """Whether its matched counts towards *planned*."""
        return attempt_of(self.member) == 1

    def balanced(self) -> bool:
        """Whether every matched device is accounted for."""
        return self.matched == sum(c.n for c in self.counts) + sum(len(o.devices) for o in self.owed)


class Record(Travelling):
    """What closes one chunk, or the chunks of a bundle of small slices, by one insert."""

    v: Literal[1] = 1
    id: str = Field(description="the first member")
    by: str = Field(description="a mark of the one insert, so that its repetition knows itself")
    at: datetime
    parts: tuple[Part, ...]
