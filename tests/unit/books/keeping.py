"""Planner, sweep and reporter of the model: every `yield` is a moment at which they may crash or be overtaken."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final

from services.planner.calling_off import CANCELLED
from services.planner.counting import DROPPED, EXPIRED, UNKNOWN, End, closed
from services.planner.mending import Debt, Open, platform_of, still_open, to_publish
from shared.flow.envelope import SliceDue
from shared.flow.identity import root_of
from shared.flow.order import Order, Wish
from shared.flow.plan import Counted, Plan, PlannedRoute, chunk_of, cut_lists, cut_range
from shared.flow.report import fold, own_report, report, settled
from shared.flow.send import CLOSING_GRACE, Route, Send
from shared.store.claims import Claim
from tests.unit.books.working import Steps
from tests.unit.books.world import CHUNK, World

PATIENCE: Final = timedelta(seconds=30)
MOST_IN_A_ROUTE: Final = 60
"""What an estimate comes to at most: a slice has 10 chunks, so that some routes have two."""


def plan(world: World, key: str) -> Steps:
    """Two planners estimate differently; the plan that is inserted first is everybody's."""
    send = world.sends[key]
    if not send.small and key not in world.plans:
        made = _planned(world, send)
        yield
        world.plans.setdefault(key, made)
    yield
    agreed = world.plan(key)
    assert agreed is not None
    slices = [SliceDue(id=one.id) for one in agreed.slices()]
    for due in [slices] if send.small else [[one] for one in slices]:
        world.publish(*due)
        yield


def _planned(world: World, send: Send) -> Plan:
    routes = []
    for route in send.routes:
        if send.lists:
            pieces, chunks = cut_lists(send.lists["devices"], CHUNK)
            routes.append(PlannedRoute(variant=route.variant, platform=route.platform, pieces=pieces, chunks=chunks))
        else:
            bounds, chunks = cut_range(world.rng.randint(0, MOST_IN_A_ROUTE), CHUNK)
            routes.append(PlannedRoute(variant=route.variant, platform=route.platform, bounds=bounds, chunks=chunks))
    return _plan_of(send, tuple(routes))


def _plan_of(send: Send, routes: tuple[PlannedRoute, ...], counted: tuple[Counted, ...] = ()) -> Plan:
    return Plan(
        key=send.key, app=send.app, lane=send.lane, accepted_at=send.accepted_at, deadline=send.deadline,
        routes=routes, counted=counted,
    )  # fmt: skip


def closes_at(send: Send) -> datetime:
    return send.deadline + CLOSING_GRACE


def sweep(world: World, key: str) -> Steps:
    """Publishes again what lies still; what is past its time is closed by counting, on what it read some time ago."""
    send = world.sends[key]
    late = world.now >= closes_at(send)
    order = world.orders.get(key)
    agreed = world.plan(key)
    yield
    if agreed is None:
        over = CANCELLED if order is Order.CANCELLED else EXPIRED if late else None
        yield from _unplanned(world, send, over) if over else plan(world, key)
        return
    recorded = {part.member for part in world.parts(key)}
    yield
    debts = world.debts(key)
    yield
    open_ = still_open(agreed, recorded, debts)
    if order is Order.CANCELLED:
        yield from _call_off(world, send, agreed, open_)
        return
    if order is Order.PAUSED and world.now < send.deadline:
        return
    if late:
        yield from _close(world, send, agreed, open_, EXPIRED)
        return
    due = to_publish(agreed, open_, None, world.now, PATIENCE)
    if send.small and due:
        world.publish(*(one for _, one in due))
    for _, one in [] if send.small else due:
        world.publish(one)
        yield


def drop(world: World, key: str, at: int) -> Steps:
    """An operator gives up one of the open chunks; a worker may have it in hand."""
    send, agreed = world.sends[key], world.plan(key)
    if agreed is None:
        return
    recorded = {part.member for part in world.parts(key)}
    firsts = still_open(agreed, recorded, []).firsts
    yield
    if firsts:
        yield from _close(world, send, agreed, Open((firsts[at % len(firsts)],), ()), DROPPED)


def order(world: World, key: str, wish: Wish) -> None:
    """A backend changes its mind; calling off is final."""
    if world.orders.get(key) is Order.CANCELLED or key in world.finals:
        return
    if wish is Wish.RESUME:
        world.orders.pop(key, None)
    else:
        world.orders[key] = Order.CANCELLED if wish is Wish.CANCEL else Order.PAUSED


def _call_off(world: World, send: Send, agreed: Plan, open_: Open) -> Steps:
    """Closes what no worker has, under a claim of its own."""
    slices: dict[str, list[str]] = defaultdict(list)
    for member in [member for member, _ in open_.firsts] + [debt.member for debt in open_.debts]:
        slices[member.rsplit("/", 1)[0]].append(member)
    debts = {debt.member: debt for debt in open_.debts}
    for members in slices.values():
        claim = world.take(members, "closer", sends=False)
        yield
        if not isinstance(claim, Claim):
            continue
        left = [one for one in members if one not in world.records]
        yield
        for member in left:
            fate = UNKNOWN if member in claim.doubtful else CANCELLED
            if member in debts:
                yield from _close_debt(world, send, agreed, debts[member], fate)
            else:
                yield from _close_first(world, send, agreed, member, fate)


def _unplanned(world: World, send: Send, fate: End) -> Steps:
    counted = tuple(
        Counted(
            variant=route.variant, platform=route.platform, n=_everybody(world, send, route),
            fate=fate[0], reason=fate[1],
        )
        for route in send.routes
    )  # fmt: skip
    yield
    world.plans.setdefault(send.key, _plan_of(send, (), counted))


def _everybody(world: World, send: Send, route: Route) -> int:
    if send.lists:
        return sum(one in world.registry[route.variant] for part in world.names[send.key] for one in part)
    return len(world.registry[route.variant])


def _close(world: World, send: Send, agreed: Plan, open_: Open, fate: End) -> Steps:
    for member, _ in open_.firsts:
        yield from _close_first(world, send, agreed, member, fate)
    for debt in open_.debts:
        yield from _close_debt(world, send, agreed, debt, fate)


def _close_first(world: World, send: Send, agreed: Plan, member: str, fate: End) -> Steps:
    number, slice_ = root_of(member)
    route = agreed.routes[number]
    where = chunk_of(route, slice_, int(member.rsplit("/", 1)[1]))
    devices = world.devices(send, route, where)
    yield
    part = closed(send.app, route.variant, route.platform, member, len(devices), world.now, fate=fate)
    if not world.insert([part], {}) and fate is CANCELLED:
        world.not_sent[send.key] |= {one.id for one in devices}


def _close_debt(world: World, send: Send, agreed: Plan, debt: Debt, fate: End) -> Steps:
    parent = world.records[debt.parent]
    (owed,) = [one for one in parent.owed if one.step == debt.step]
    yield
    platform, ended = platform_of(agreed, debt.parent), UNKNOWN if owed.unknown else fate
    part = closed(send.app, parent.variant, platform, debt.member, len(owed.devices), world.now, fate=ended)
    if not world.insert([part], {}) and ended is CANCELLED:
        world.not_sent[send.key] |= set(owed.devices)


def hear(world: World, key: str) -> Steps:
    """Sums a send; the first final report is everybody's."""
    send, agreed, parts = world.sends[key], world.plan(key), world.parts(key)
    yield
    if send.small and settled(len(send.routes), parts):
        world.finals.setdefault(key, own_report(len(send.routes), send.accepted_at, parts))
    elif not send.small and agreed is not None:
        summed = report(agreed, fold(parts), finished_at=send.deadline)
        yield
        if summed.state == "finished":
            world.finals.setdefault(key, summed)
