"""The world of the model: a store that inserts once, a broker that repeats, reorders and loses, providers that may lie.

Sends, plans, chunks, claims, tallies and reports are the real ones; only what does the reading and writing is played.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from services.delivery.job import Found, Job
from services.planner.mending import Debt
from shared.bus.delay import step_past
from shared.flow.audience import Audience
from shared.flow.device import Device
from shared.flow.envelope import SliceDue
from shared.flow.identity import device_id, shard_of
from shared.flow.lane import Lane
from shared.flow.message import Message as Text
from shared.flow.order import Order
from shared.flow.plan import ListRange, Plan, PlannedRoute, ShardRange, own_plan
from shared.flow.record import Part
from shared.flow.report import Report
from shared.flow.send import Duplicates, Route, Send, SendRequest
from shared.flow.suspicion import SUSPECT, suspect
from shared.flow.verdict import Retry, Verdict
from shared.store.claims import Claim, HeldByAnother, Suspected
from tests.unit.books.answers import ANSWERS

START: Final = datetime(2030, 1, 1, tzinfo=UTC)
CHUNK: Final = 4
LEASE: Final = timedelta(seconds=30)
VARIANTS: Final = (("v1", "apns"), ("v2", "fcm"))
DEVICES: Final = 14
"""Of each variant, to begin with."""


@dataclass(eq=False)
class Waiting:
    """One message on the bus: visible from `at` on; `handed` while a process has it."""

    slices: tuple[SliceDue, ...]
    at: datetime
    alone: bool = False
    redelivered: bool = False
    handed: bool = False


@dataclass(eq=False)
class LiveClaim:
    claim: Claim
    owner: str
    until: datetime
    handed_back: bool = False
    alone: bool = False
    blamed: tuple[str, ...] = ()
    since: datetime | None = None
    doubtful: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()

    def in_doubt(self) -> frozenset[str]:
        """What nobody can answer for, once it has ended."""
        return self.doubtful | (frozenset() if self.handed_back else self.begun)


@dataclass
class World:
    rng: random.Random
    now: datetime = START
    sends: dict[str, Send] = field(default_factory=dict)
    names: dict[str, list[list[bytes]]] = field(default_factory=dict)
    registry: dict[str, dict[bytes, Device]] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    records: dict[str, Part] = field(default_factory=dict)
    covered: dict[str, set[bytes]] = field(default_factory=dict)
    claims: list[LiveClaim] = field(default_factory=list)
    started: dict[str, object] = field(default_factory=dict)
    deaths: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    """Owners whose claims ran out: when that was found out, and how many they had in hand."""
    bus: list[Waiting] = field(default_factory=list)
    finals: dict[str, Report] = field(default_factory=dict)
    accepted: defaultdict[str, Counter[bytes]] = field(default_factory=lambda: defaultdict(Counter))
    unanswered: Counter[str] = field(default_factory=Counter)
    """By send: what providers took and did not answer."""
    excused: Counter[str] = field(default_factory=Counter)
    """By send: devices of chunks that were in flight without a record when their process died or froze."""
    orders: dict[str, Order] = field(default_factory=dict)
    not_sent: defaultdict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    """By send: whom a closing record calls cancelled."""
    look_again: bool = True
    """Whether a worker that has the claim of others asks once more which of its chunks are open."""

    def __post_init__(self) -> None:
        for variant, _ in VARIANTS:
            self.registry[variant] = {}
            for number in range(DEVICES):
                self.register(variant, f"{number}")

    def register(self, variant: str, seed: str) -> None:
        one = device_id(variant, seed)
        self.registry[variant][one] = Device(one, seed)

    def accept(self, kind: str, ttl: timedelta, duplicates: Duplicates) -> str:
        """A send: to everyone, to a stored list, or a small one; its wake-up is the machine's business."""
        key = f"app.send{len(self.sends):04}"
        everybody = [device for known in self.registry.values() for device in known]
        chosen = sorted(self.rng.sample(everybody, {"everyone": 0, "listed": 11, "small": 3}[kind]))
        named = tuple(one.hex() for one in chosen) or None
        self.names[key] = [chosen[:9], chosen[9:]] if kind == "listed" else [chosen]
        request = SendRequest(
            audience=Audience(everyone=not named, devices=named), message=Text(title="Ding"),
            ttl=ttl.total_seconds(), duplicates=duplicates,
        )  # fmt: skip
        routes = tuple(Route(variant=variant, platform=platform) for variant, platform in VARIANTS)
        self.sends[key] = Send(
            key=key, app="app", request=request, lane=Lane.BULK, routes=routes, small=kind == "small",
            accepted_at=self.now, deadline=self.now + ttl,
            lists={"devices": tuple(map(len, self.names[key]))} if kind == "listed" else {},
        )  # fmt: skip
        return key

    # The store

    def plan(self, key: str) -> Plan | None:
        return own_plan(self.sends[key]) if self.sends[key].small else self.plans.get(key)

    def insert(self, parts: Sequence[Part], covered: dict[str, set[bytes]]) -> set[str]:
        """Closes these chunks by one record, or says which of them are closed."""
        lost = {part.member for part in parts if part.member in self.records}
        if not lost:
            self.records |= {part.member: part for part in parts}
            self.covered |= covered
        return lost

    def parts(self, key: str) -> list[Part]:
        return [part for part in self.records.values() if part.send == key]

    def debts(self, key: str) -> list[Debt]:
        return [Debt(part.member, debt.step, debt.due, debt.stored) for part in self.parts(key) for debt in part.owed]

    def take(
        self, chunks: Sequence[str], owner: str, *, sends: bool = True, suspected: bool = False
    ) -> Claim | HeldByAnother | Suspected:
        meeting = [one for one in self.claims if set(one.claim.members) & set(chunks)]
        live = [one.until for one in meeting if one.until > self.now]
        if live:
            return HeldByAnother(max(live))
        if (
            sends
            and len(chunks) > 1
            and any(suspect(one.claim.takeovers) and len(one.claim.members) == 1 for one in meeting)
        ):
            return Suspected()
        doubtful = frozenset(member for one in meeting for member in one.in_doubt()) & set(chunks)
        taken = LiveClaim(Claim(f"c{self.rng.getrandbits(32)}", tuple(chunks)), owner, self.now + LEASE)
        died, left = SUSPECT if suspected else 0, []
        for one in meeting:
            held = 0 if one.handed_back else self._death(one)
            rest = tuple(member for member in one.claim.members if member not in chunks)
            if rest:
                left.append(replace(one, claim=replace(one.claim, members=rest)))
            elif set(one.claim.members) == set(chunks):
                died = max(died, one.claim.takeovers + (not one.handed_back))
                taken.blamed, taken.since = one.blamed, one.since
                if not one.handed_back and (one.alone or held == 1):
                    taken.blamed, taken.since = (*one.blamed, one.owner), one.since or self.now
        taken.handed_back, taken.doubtful = not sends, doubtful
        taken.claim = Claim(
            taken.claim.id,
            tuple(chunks),
            died,
            bool(meeting),
            len(taken.blamed),
            self._elsewhere(taken, died),
            doubtful,
        )
        self.claims = [one for one in self.claims if one not in meeting] + [*left, taken]
        return taken.claim

    def _death(self, found: LiveClaim) -> int:
        """How many claims its owner had in hand when it died."""
        recent = [
            one
            for one in self.claims
            if one.owner == found.owner and not one.handed_back and one.until >= found.until - LEASE / 2
        ]
        open_ = sum(not self.records.keys() >= set(one.claim.members) for one in recent)
        return self.deaths.setdefault(found.owner, (self.now, max(open_, 1)))[1]

    def _elsewhere(self, taken: LiveClaim, died: int) -> int:
        if taken.since is None or not suspect(died):
            return 0
        return sum(at >= taken.since and owner not in taken.blamed for owner, (at, _) in self.deaths.items())

    def begin(self, claim: Claim, owner: str, chunks: Collection[str]) -> bool:
        """Says that these are begun; not if the claim is another's."""
        live = self.claim(claim, owner)
        ours = live is not None and set(chunks) <= set(live.claim.members)
        if live is not None and ours:
            live.begun |= frozenset(chunks)
        return ours

    def claim(self, claim: Claim, owner: str) -> LiveClaim | None:
        return next((one for one in self.claims if one.claim.id == claim.id and one.owner == owner), None)

    # The registry

    def devices(self, send: Send, route: PlannedRoute, where: ShardRange | ListRange) -> list[Device]:
        known = self.registry[route.variant]
        if isinstance(where, ShardRange):
            return [one for one in known.values() if where.low <= shard_of(one.id) < where.high]
        named = self.names[send.key][max(where.part, 0)][where.start : where.end]
        return [known[one] for one in named if one in known]

    def find(self, jobs: Iterable[Job]) -> dict[str, Found]:
        """The devices of each job; of a retry, all that its parent's record lists, the gone ones suppressed."""
        return {one.member: self._found(one) for one in jobs if one.parent is None or one.parent[0] in self.records}

    def _found(self, job: Job) -> Found:
        if job.parent is None:
            return Found(self.devices(job.send, job.route, job.where), looked_up_at=self.now)
        member, step = job.parent
        (debt,) = [one for one in self.records[member].owed if one.step == step]
        known = self.registry[job.route.variant]
        gone = [(one, "gone") for one in debt.devices if one not in known]
        there = [known[one] for one in debt.devices if one in known]
        return Found(there, gone, looked_up_at=self.now, unknown=debt.unknown)

    # The bus

    def publish(self, *slices: SliceDue, at: datetime | None = None, alone: bool = False) -> None:
        self.bus.append(Waiting(slices, at or self.now, alone))

    def publish_past(self, slices: Collection[SliceDue], until: datetime) -> None:
        step = step_past(max(until - self.now, timedelta()))
        for one in slices:
            self.publish(one, at=self.now + (step.ttl if step else LEASE), alone=True)

    # The providers

    def ask(self, send: Send, device: bytes) -> Verdict:
        verdict, took = self.rng.choices([one[1:] for one in ANSWERS], [one[0] for one in ANSWERS])[0]
        if took:
            self.accepted[send.key][device] += 1
            self.unanswered[send.key] += isinstance(verdict, Retry)
        return verdict
