"""Chunks as a process of the model works them: look up, attempt, close, derive; a `yield` is where it may crash."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Final

from services.delivery.held import Held, Table
from services.delivery.job import Found, Job, in_doubt
from services.delivery.retry import UNKNOWN_OUTCOME, Again, Ended, Situation, decide, too_late
from services.delivery.tally import Tally, same_for_all
from shared.flow.device import Device
from shared.flow.envelope import SliceDue
from shared.flow.identity import attempt_of, retry_slice_id
from shared.flow.order import Order, Standing
from shared.flow.record import Part
from shared.flow.send import Duplicates, Send
from shared.flow.verdict import Fate
from tests.unit.books.world import Waiting, World

Steps = Generator[None, None, None]
PROCESSES: Final = count()


@dataclass(eq=False)
class Flight:
    """A chunk that was started and has no record."""

    send: str
    devices: int


@dataclass(eq=False)
class Process:
    """What a process has in hand; all of it but the messages is gone when it dies."""

    name: str = field(default_factory=lambda: f"p{next(PROCESSES)}")
    frozen: bool = False
    table: Table = field(default_factory=Table)
    tasks: list[tuple[Steps, Waiting]] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    """As it last heard of them."""

    def stops(self, send: Send, now: datetime) -> Order | None:
        """The order for which nothing of the send may be begun."""
        order = self.orders.get(send.key)
        return order if order and Standing(order, now).stops(now, send.deadline) else None

    def messages(self) -> list[Any]:
        """Everything that it has not acked."""
        return [message for _, message in self.tasks] + [one for held in self.table.all() for one in held.messages]


def work_chunks(world: World, process: Process, jobs: list[Job], held: Held) -> Generator[None, None, bool]:
    """These chunks, closed by one record; whether somebody else had closed one of them."""
    if not held.good(world.now) or any(process.stops(one.send, world.now) for one in jobs):
        return True
    if not world.begin(held.claim, process.name, [one.member for one in jobs]):
        return True
    yield
    flights = {one.member: Flight(one.send.key, 0) for one in jobs}
    process.flights += flights.values()
    found = in_doubt(world.find(jobs), held.claim.doubtful)
    for member, there in found.items():
        flights[member].devices = len(there.devices)
    yield
    parts: list[Part] = []
    for one in jobs:
        part = yield from _attempted(world, one, found[one.member])
        parts.append(part)
    yield
    lost = world.insert(parts, covered(found))
    ours = [] if lost else parts
    for part in parts if lost else []:
        yield
        if part.member not in lost and not world.insert([part], covered(found)):
            ours.append(part)
    process.flights = [one for one in process.flights if one not in flights.values()]
    yield
    yield from derived(world, ours)
    return bool(lost)


def derived(world: World, parts: Sequence[Part]) -> Steps:
    """Retries go to wait; what waits too long for the bus is left to the sweep."""
    for part in parts:
        for debt in part.owed:
            if not debt.stored:
                world.publish(SliceDue(id=retry_slice_id(part.member, debt.step)), at=debt.due)
                yield


def covered(found: dict[str, Found]) -> dict[str, set[bytes]]:
    return {member: {one.id for one in there.devices} for member, there in found.items() if "~" not in member}


def _attempted(world: World, one: Job, found: Found) -> Generator[None, None, Part]:
    """One chunk's notifications, as the real policy decides and the real tally adds up."""
    if world.now >= one.send.deadline:
        return same_for_all(one, found, world.now, 1, too_late("", unknown=found.unknown))
    if one.send.request.duplicates is Duplicates.NEVER:
        if one.member in world.started:
            return same_for_all(one, found, world.now, 1, Ended(Fate.FAILED, UNKNOWN_OUTCOME))
        world.started[one.member] = True
        yield
    tally, waiting, tries = Tally(one, found, world.now, 1), found.devices, 0
    while waiting:
        tries += 1
        again: list[Device] = []
        for device in waiting:
            _settle(world, tally, device, tries, again)
            if world.rng.random() < 0.5:  # batches of a few
                yield
        waiting = again
    return tally.part()


def _settle(world: World, tally: Tally, device: Device, tries: int, again: list[Device]) -> None:
    send = tally.job.send
    verdict = world.ask(send, device.id)
    tally.now = world.now
    at = Situation(attempt_of(tally.job.member), tries, world.now, send.deadline, send.request.duplicates)
    decision = decide(verdict, at, world.rng)
    if isinstance(decision, Again):
        again.append(device)
    else:
        tally.add(device, verdict, decision)
