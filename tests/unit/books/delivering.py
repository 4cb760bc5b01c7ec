"""A delivery process of the model: every `yield` is a moment at which it may crash, freeze or be overtaken."""

from collections.abc import Sequence
from typing import Final

from services.delivery.chunks import POISON
from services.delivery.held import Held
from services.delivery.job import Job, job
from services.delivery.retry import Ended
from services.delivery.tally import same_for_all
from shared.flow.envelope import SliceDue
from shared.flow.identity import member_id, root_of, send_of
from shared.flow.order import Order
from shared.flow.suspicion import guilty, suspect
from shared.flow.verdict import Fate
from shared.store.claims import Claim, HeldByAnother, Suspected
from tests.unit.books.working import Process, Steps, covered, work_chunks
from tests.unit.books.world import LEASE, Waiting, World

AT_ONCE: Final = 2
"""Chunks of a slice."""


def open_jobs(world: World, slices: Sequence[SliceDue]) -> list[Job]:
    """The chunks of these slices without a record."""
    jobs = []
    for due in slices:
        key = send_of(due.id)
        plan = world.plan(key)
        if plan is None:
            continue
        route, number = root_of(due.id)
        chunks = [0] if "~" in due.id else due.chunks or range(plan.routes[route].chunks[number])
        jobs += [job(member_id(due.id, chunk), world.sends[key], plan) for chunk in chunks]
    return [one for one in {one.member: one for one in jobs}.values() if one.member not in world.records]


def deliver(world: World, process: Process, message: Waiting) -> Steps:
    """One message to its ack."""
    _without_the_stopped(world, process, message)
    jobs = open_jobs(world, message.slices)
    yield
    members = [one.member for one in jobs]
    already = process.table.find(members)
    if len(message.slices) > 1 and (message.alone or message.redelivered or already):
        for due in message.slices:
            world.publish(due, alone=True)
            yield
    elif already is not None and set(members) <= set(already.claim.members):
        already.messages.append(message)  # type: ignore[arg-type]  # a message of the model
        return
    elif already is not None:
        world.publish_past(message.slices, already.until)
        yield
    elif jobs:
        yield from _claimed(world, process, message, jobs)
        return
    world.bus.remove(message)


def _without_the_stopped(world: World, process: Process, message: Waiting) -> None:
    """What was called off is left to whoever closes it; what is paused waits."""
    stopped = {due: process.stops(world.sends[send_of(due.id)], world.now) for due in message.slices}
    for due, order in stopped.items():
        if order is Order.PAUSED:
            world.publish(due, at=world.now + LEASE, alone=True)
    message.slices = tuple(due for due in message.slices if not stopped[due])


def _claimed(world: World, process: Process, message: Waiting, jobs: list[Job]) -> Steps:
    suspected = any(due.chunks for due in message.slices)
    taken = world.take([one.member for one in jobs], process.name, suspected=suspected)
    until = world.now + LEASE
    yield
    if isinstance(taken, Claim) and taken.inherited and world.look_again and _outdated(world, jobs):
        _hand_back(world, process, Held(taken, until))
        yield
        world.publish_past(message.slices, world.now)
    elif isinstance(taken, HeldByAnother):
        world.publish_past(message.slices, taken.until)
    elif isinstance(taken, Suspected) or (suspect(taken.takeovers) and len(jobs) > 1):
        yield from _taken_apart(world, process, taken, jobs)
    elif suspect(taken.takeovers) and guilty(taken.alone, taken.elsewhere):
        yield from _closed_as_poison(world, jobs[0])
    else:
        live = world.claim(taken, process.name)
        if live is not None:
            live.alone = suspect(taken.takeovers)
        yield
        held = Held(taken, until, [message])  # type: ignore[list-item]  # a message of the model
        yield from _worked(world, process, held, message, jobs)
        for one in held.messages:
            world.bus.remove(one)  # type: ignore[arg-type]  # a message of the model
        return
    yield
    world.bus.remove(message)


def _taken_apart(world: World, process: Process, taken: Claim | Suspected, jobs: list[Job]) -> Steps:
    """What kills its workers goes on chunk by chunk."""
    if isinstance(taken, Claim):
        _hand_back(world, process, Held(taken, world.now))
        yield
    for one in jobs:
        slice_, chunk = one.member.rsplit("/", 1)
        world.publish(SliceDue(id=slice_, chunks=(int(chunk),)), alone=True)
        yield


def _closed_as_poison(world: World, one: Job) -> Steps:
    found = world.find([one])[one.member]
    yield
    part = same_for_all(one, found, world.now, 1, Ended(Fate.FAILED, POISON))
    world.insert([part], covered({one.member: found}))


def _outdated(world: World, jobs: list[Job]) -> bool:
    """Whether somebody closed one of these after we looked which are open."""
    return any(one.member in world.records for one in jobs)


def _hand_back(world: World, process: Process, held: Held) -> None:
    live = world.claim(held.claim, process.name)
    if live is not None:
        live.until, live.handed_back = world.now, True


def _worked(world: World, process: Process, held: Held, message: Waiting, jobs: list[Job]) -> Steps:
    """Small sends as one, the chunks of a slice each by itself and all at once."""
    process.table.add(held)
    groups = [jobs] if len(message.slices) > 1 else [[one] for one in jobs]
    waiting = [work_chunks(world, process, group, held) for group in groups]
    running, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
    while running:
        one = world.rng.choice(running)
        try:
            next(one)
        except StopIteration as ended:
            running.remove(one)
            held.lost = held.lost or ended.value
            running, waiting = running + waiting[:1], waiting[1:]
        yield
    process.table.remove(held)
    if held.lost or open_jobs(world, message.slices):
        _hand_back(world, process, held)
        yield
        world.publish_past(message.slices, held.until)
        yield
