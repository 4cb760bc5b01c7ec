"""The few requests that an attempt did not wait for: whose they are, and as what the chunk's record owes them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from services.delivery.catalog import Credentialed
from services.delivery.flight import Flight
from services.delivery.job import Found, Job
from services.delivery.retry import Later
from services.delivery.tally import Tally, rounded
from services.delivery.transport.contract import REQUEST_TIMEOUT, Results
from shared.flow.device import Device
from shared.flow.identity import attempt_of, member_id, retry_slice_id
from shared.flow.record import AWAITED
from shared.flow.send import Duplicates, ReceiptsKept
from shared.providers.contract import Origin, Requests

ENDED_BY: Final = REQUEST_TIMEOUT + timedelta(seconds=10)
"""Each of them has its outcome by then, and this process has had the time to record it. Real time, never scaled."""
MOST_ATTEMPTS: Final = 8
"""A chunk that is further along waits for all: each going on without a few makes its ids longer."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Requests of one chunk, by their numbers in its flight, and what will have become of them."""

    job: Job
    variant: Credentialed
    origin: Origin
    devices: Sequence[Device]
    unknown: bool
    numbers: Sequence[int]
    later: asyncio.Future[Results]
    sent_at: datetime
    places: Mapping[bytes, str] = field(default_factory=dict)
    """Under a frequency cap."""

    def renumbered(self, ended: Results) -> Results:
        """What became of them, by their numbers among themselves."""
        places = {number: place for place, number in enumerate(self.numbers)}
        return replace(ended, others=[(places[number], outcome) for number, outcome in ended.others])

    def flight(self, step: int, now: datetime, scale: float) -> Flight:
        """Them alone, as the retry that they are owed as."""
        member = member_id(retry_slice_id(self.job.member, step), 0)
        job = replace(self.job, member=member, parent=(self.job.member, step))
        until = job.send.deadline if job.send.request.local is not None else None
        tally = Tally(job, Found(list(self.devices), unknown=self.unknown, until=until), now, scale)
        tally.places = {one.id: self.places[one.id] for one in self.devices if one.id in self.places}
        return Flight(tally, self.variant, self.origin, (), Requests(0, (), ()), self.devices)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Lives as long as the process; by member, from the attempt until its record. `scale`: the time scale."""

    scale: float
    waiting: dict[str, Leftover] = field(default_factory=dict)
    span: timedelta = field(init=False)
    """From now until what is left is due."""

    def __post_init__(self) -> None:
        """Once: it is asked for every flight."""
        object.__setattr__(self, "span", rounded(ENDED_BY * self.scale, self.scale)[0])

    def may_leave(self, flights: Iterable[Flight], now: datetime) -> bool:
        """Whether their chunks may be recorded before all of them has ended: deadlines leave time for what is owed."""
        by = now + self.span
        return all(self._may_leave(flight.tally.job, by) for flight in flights)

    def _may_leave(self, job: Job, by: datetime) -> bool:
        return (
            by < job.send.deadline
            and job.send.request.duplicates is not Duplicates.NEVER
            and job.send.request.receipts is not ReceiptsKept.ALL  # who was delivered to is known when all has ended
            and job.member not in self.waiting
            and attempt_of(job.member) < MOST_ATTEMPTS
        )

    def leave(self, flight: Flight, result: Results, sent_at: datetime) -> bool:
        """Owes what is open of the result; False if there is nothing, or no time for that any more."""
        tally, job = flight.tally, flight.tally.job
        if result.later is None or not self._may_leave(job, tally.now + self.span):
            return False
        devices = [flight.devices[number] for number in result.open]
        for device in devices:
            tally.owe(device.id, Later(ENDED_BY * self.scale, AWAITED, unknown=True))
        flight.down += len(devices)
        flight.unknown = True  # they are out: what tries a route by one of them must not work it again unrecorded
        self.waiting[job.member] = Leftover(
            job, flight.variant, flight.origin, devices, tally.found.unknown, result.open, result.later, sent_at,
            tally.places,
        )  # fmt: skip
        return True
