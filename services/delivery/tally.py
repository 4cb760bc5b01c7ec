"""Adds up what became of a chunk's notifications, and makes of it the part of a record. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.delivery.job import Found, Job
from services.delivery.retry import Ended, Later, too_late
from shared.bus.delay import step_for
from shared.flow.cap import whose
from shared.flow.device import Device
from shared.flow.receipt import Received
from shared.flow.record import LATENCY_BOUNDS, Count, Owed, Part, Undelivered
from shared.flow.send import ReceiptsKept
from shared.flow.verdict import Delivered, Fate, Rejected, Unregistered, Verdict

UNSENT: Final = frozenset({Fate.REJECTED, Fate.UNREGISTERED, Fate.EXPIRED, Fate.SUPPRESSED})
"""Who ended so was certainly not reached: his place under a frequency cap is free again."""
LONG_WAIT_GRAIN = timedelta(minutes=1)
"""Waits that no wait queue is long enough for are due at whole multiples of this."""


class Debt(NamedTuple):
    """What devices have in common that are owed another attempt together."""

    due: datetime
    reason: str
    unknown: bool
    stored: bool
    until: datetime | None = None
    holds: int = 0


@dataclass(slots=True)
class Tally:
    """One chunk being added up."""

    job: Job
    found: Found
    now: datetime
    scale: float
    counts: Counter[tuple[Fate, str]] = field(default_factory=Counter)
    undelivered: list[Undelivered] = field(default_factory=list)
    debts: dict[Debt, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    latency: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))
    first_answer_at: datetime | None = None
    last_answer_at: datetime | None = None
    received: Received | None = None
    """Of a send that asks for all receipts."""
    places: dict[bytes, str] = field(default_factory=dict)
    """Of a send under a frequency cap: where each device holds a place."""

    def __post_init__(self) -> None:
        """Only who asks for receipts pays for them."""
        if self.job.send.request.receipts is ReceiptsKept.ALL:
            self.received = Received()

    def answers(self, ok: int, latency: Sequence[int], now: datetime) -> None:
        """Answers came: so many requests were accepted; the others are added one by one."""
        self.now = now
        if ok:
            self.counts[Fate.DELIVERED, ""] += ok
        if any(latency):
            self.first_answer_at = self.first_answer_at or now
            self.last_answer_at = now
            self.latency = [one + more for one, more in zip(self.latency, latency, strict=True)]

    def unasked(self, devices: Sequence[Device]) -> None:
        """Of a dry run that no provider checks: these would have been sent to."""
        self.answers(len(devices), (), self.now)
        if self.received is not None:
            self.received.add([one.id for one in devices], [b""] * len(devices), self.now)

    def add(self, device: Device, verdict: Verdict, decision: Ended | Later) -> None:
        """One notification that was not simply accepted, and what the policy decided about it."""
        if isinstance(verdict, Delivered):
            self.counts[Fate.DELIVERED, ""] += 1
            if self.received is not None:
                self.received.add((device.id,), (b"",), self.now)
        elif isinstance(decision, Ended):
            if decision.fate is Fate.EXPIRED:
                decision = too_late(decision.reason, unknown=self.found.unknown)
            since = verdict.since if isinstance(verdict, Unregistered) else None
            self.end(device.id, decision, since, suspect=isinstance(verdict, Rejected) and verdict.suspect)
        else:
            self.owe(device.id, decision)

    def end(self, device: bytes, ended: Ended, since: datetime | None = None, *, suspect: bool = False) -> None:
        """One notification that ended without a delivery."""
        self.counts[ended.fate, ended.reason] += 1
        self.undelivered.append(
            Undelivered(device=device, fate=ended.fate, reason=ended.reason, since=since, suspect=suspect)
        )

    def owe(self, device: bytes, later: Later) -> None:
        """One notification that gets another attempt, unless its deadline comes first."""
        wait, stored = rounded(later.wait, self.scale)
        due, unknown = self.now + wait, later.unknown or self.found.unknown
        if due > self.job.send.deadline:
            self.end(device, too_late(later.reason, unknown=unknown))
        else:
            self.debts[Debt(due, later.reason, unknown, stored, self.found.until, self.found.holds)].append(device)

    def hold(self, device: bytes, due: datetime, reason: str, until: datetime) -> None:
        """One notification whose time has not come: it is owed from the store. What would be late by then, ends."""
        unknown, until = self.found.unknown, min(until, self.job.send.deadline)
        if due >= until:
            self.end(device, too_late(reason, unknown=unknown))
        else:
            self.debts[Debt(due, reason, unknown, True, until, self.found.holds + 1)].append(device)

    def places_held(self) -> list[tuple[str, str, bytes]]:
        """Places of which it is certain that they were not used before now: where, the send, the device."""
        return [] if self.found.unknown else [(key, self.job.send.id, one) for one, key in self.places.items()]

    def _unused(self) -> tuple[tuple[str, str, bytes], ...]:
        unsent = {one.device for one in self.undelivered if one.fate in UNSENT}
        return tuple(place for place in self.places_held() if place[2] in unsent)

    def part(self) -> Part:
        """The chunk's part of a record."""
        for device, reason in self.found.suppressed:
            self.end(device, Ended(Fate.SUPPRESSED, reason))
        debts = sorted(self.debts.items(), key=lambda one: (*one[0][:4], one[0].holds))
        return Part(
            member=self.job.member,
            send=self.job.send.key,
            app=self.job.send.app,
            variant=self.job.route.variant,
            platform=self.job.route.platform,
            matched=self.found.matched,
            counts=tuple(Count(fate=fate, reason=reason, n=n) for (fate, reason), n in sorted(self.counts.items())),
            undelivered=tuple(self.undelivered),
            owed=tuple(
                Owed(step=step, devices=tuple(devices), **debt._asdict()) for step, (debt, devices) in enumerate(debts)
            ),
            latency=tuple(self.latency) if self.last_answer_at else (),
            looked_up_at=self.found.looked_up_at or self.now,
            first_answer_at=self.first_answer_at,
            last_answer_at=self.last_answer_at,
            dry_run=self.job.send.request.dry_run,
            lane=self.job.send.lane,
            accepted_at=self.job.send.since,
            receipts=self.received.receipts(self.job.member, self.job.send.key) if self.received else None,
            unused=self._unused() if self.places else (),
        )


def rounded(wait: timedelta, scale: float) -> tuple[timedelta, bool]:
    """A wished wait as it will really be, after the time scale, and whether it is longer than any wait queue.

    Rounded up to a step of the ladder, or above it to whole minutes.
    """
    step = step_for(wait, scale)
    if step is not None:
        return step.ttl, False
    grains = -(-wait // LONG_WAIT_GRAIN)
    return grains * LONG_WAIT_GRAIN / scale, True


def same_for_all(job: Job, found: Found, now: datetime, scale: float, ended: Ended) -> Part:
    """A part in which every device has the same fate."""
    tally = Tally(job, found, now, scale)
    if job.send.cap is not None and job.parent is not None:  # an attempt before may have taken places
        category = job.send.request.category or ""
        tally.places = {one.id: whose(job.send.app, one.user, one.id) + category for one in found.devices}
    for device in found.devices:
        tally.end(device.id, ended)
    return tally.part()


def members_of(parts: Sequence[Part]) -> tuple[str, ...]:
    """The members that a record of these parts closes."""
    return tuple(part.member for part in parts)
