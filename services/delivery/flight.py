"""One job on its way: the requests that wait for an outcome, the devices they are for, and what was learnt so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.delivery.catalog import Credentialed
from services.delivery.signs import Sign
from services.delivery.tally import Tally
from services.delivery.transport.contract import Parcel, Results
from shared.flow.device import Device
from shared.flow.record import Part
from shared.flow.verdict import Verdict
from shared.providers.contract import Headers, Origin, Requests


@dataclass(frozen=True, slots=True)
class Postponed:
    """A chunk that is not recorded: nothing of it was taken by the provider, it is to be worked again then."""

    member: str
    until: datetime


@dataclass(slots=True, eq=False)
class Flight:
    """Made for one attempt at one chunk."""

    tally: Tally
    variant: Credentialed
    origin: Origin
    headers: Headers
    requests: Requests
    devices: Sequence[Device]
    aside: bool = False
    """It goes to another topic than the variant's own."""
    authorization: str | None = None
    stale: str | None = None
    """The authorization that the provider just refused."""
    again: list[int] = field(default_factory=list)
    """The numbers of the requests that are repeated at once, on a fresh connection."""
    fresh: bool = False
    asked: int = field(init=False)
    """How many notifications it began with."""
    refused: int = 0
    """How many of them were refused over the credentials, or because the project is throttled, after what was tried."""
    throttled: bool = False
    """The provider said so of the whole project."""
    after: timedelta = timedelta()
    """The longest time that it asked for, before the time scale."""
    reason: str = ""
    """Of the last one that was."""
    down: int = 0
    """How many got no answer, or one that says that the provider is in trouble."""
    unknown: bool = False
    """One of these may have been taken all the same."""
    fine: bool = False
    """The provider took the credentials for at least one."""
    held: datetime | None = None
    """It is to be worked again then, unrecorded."""

    def __post_init__(self) -> None:
        """Counts what there is to do."""
        self.asked = self.requests.count

    def note(self, sign: Sign, verdict: Verdict) -> None:
        """The evidence of one notification that is done with for now."""
        if sign is Sign.REFUSED or sign is Sign.THROTTLED:
            self.refused += 1
            self.reason = getattr(verdict, "reason", "")
            self.throttled = self.throttled or sign is Sign.THROTTLED
            self.after = max(self.after, getattr(verdict, "after", None) or self.after)
        elif sign is Sign.DOWN:
            self.down += 1
            self.unknown = self.unknown or getattr(verdict, "unknown", False)
        elif sign is Sign.FINE:
            self.fine = True

    def first(self) -> "Flight":
        """Its first notification as a flight of its own, on the same tally; this one keeps the others."""
        alone = Flight(
            self.tally,
            self.variant,
            self.origin,
            self.headers,
            self.requests.pick([0]),
            self.devices[:1],
            self.aside,
            fresh=True,
        )
        self.requests = self.requests.pick(range(1, self.requests.count))
        self.devices = self.devices[1:]
        return alone

    def keep(self, numbers: Sequence[int]) -> None:
        """Only these of it are sent; the others have ended, before it began."""
        self.requests, self.devices = self.requests.pick(numbers), [self.devices[number] for number in numbers]
        self.asked = len(numbers)

    def drop(self) -> None:
        """Nothing more of it is sent."""
        self.requests, self.devices = self.requests.pick([]), []

    def repeated(self) -> "Flight":
        """Itself with only what goes again, on a fresh connection."""
        self.requests = self.requests.pick(self.again)
        self.devices = [self.devices[number] for number in self.again]
        self.again, self.fresh = [], True
        return self

    def parcel(self) -> Parcel:
        """What the transport is given."""
        authorization = (("authorization", self.authorization),) if self.authorization else ()
        lane = self.tally.job.send.lane
        keep = self.tally.received is not None and not self.requests.ids  # else we named it ourselves
        return Parcel(self.origin, (*self.headers, *authorization), self.requests, lane, self.fresh, keep)

    def receive(self, results: Results, name: Callable[[bytes], bytes]) -> None:
        """Receipts for those that were accepted, as columns; `name` finds in an answer what the provider calls it."""
        if self.tally.received is None or not results.ok:
            return
        others = {number for number, _ in results.others}
        numbers = [number for number in range(self.requests.count) if number not in others]
        kept = results.kept
        names = [name(kept.get(number, b"")) for number in numbers] if kept else [b""] * len(numbers)
        self.tally.received.add([self.devices[number].id for number in numbers], names, self.tally.now)

    def end(self) -> Part | Postponed:
        """What is to be recorded, or when to come back."""
        if self.held is not None:
            return Postponed(self.tally.job.member, self.held)
        return self.tally.part()
