"""Planner, sweep and reporter of the model: every `yield` is a moment at which they may crash or be overtaken."""

from datetime import datetime, timedelta
from typing import Final

from services.planner.counting import DROPPED, EXPIRED, UNKNOWN, closed
from services.planner.mending import Debt, Open, platform_of, still_open, to_publish
from shared.flow.envelope import SliceDue
from shared.flow.identity import root_of
from shared.flow.plan import Counted, Plan, PlannedRoute, chunk_of, cut_lists, cut_range
from shared.flow.report import fold, own_report, report, settled
from shared.flow.send import CLOSING_GRACE, Route, Send
from shared.flow.verdict import Fate
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
    agreed = world.plan(key)
    yield
    if agreed is None:
        yield from _unplanned(world, send) if late else plan(world, key)
        return
    recorded = {part.member for part in world.parts(key)}
    yield
    debts = world.debts(key)
    yield
    open_ = still_open(agreed, recorded, debts)
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


def _unplanned(world: World, send: Send) -> Steps:
    counted = tuple(
        Counted(variant=route.variant, platform=route.platform, n=_everybody(world, send, route))
        for route in send.routes
    )
    yield
    world.plans.setdefault(send.key, _plan_of(send, (), counted))


def _everybody(world: World, send: Send, route: Route) -> int:
    if send.lists:
        return sum(one in world.registry[route.variant] for part in world.names[send.key] for one in part)
    return len(world.registry[route.variant])


def _close(world: World, send: Send, agreed: Plan, open_: Open, fate: tuple[Fate, str]) -> Steps:
    for member, _ in open_.firsts:
        number, slice_ = root_of(member)
        route = agreed.routes[number]
        where = chunk_of(route, slice_, int(member.rsplit("/", 1)[1]))
        matched = len(world.devices(send, route, where))
        yield
        part = closed(send.app, route.variant, route.platform, member, matched, world.now, fate=fate)
        world.insert([part], {})
    for debt in open_.debts:
        yield from _close_debt(world, send, agreed, debt, fate)


def _close_debt(world: World, send: Send, agreed: Plan, debt: Debt, fate: tuple[Fate, str]) -> Steps:
    parent = world.records[debt.parent]
    (owed,) = [one for one in parent.owed if one.step == debt.step]
    yield
    platform, ended = platform_of(agreed, debt.parent), UNKNOWN if owed.unknown else fate
    part = closed(send.app, parent.variant, platform, debt.member, len(owed.devices), world.now, fate=ended)
    world.insert([part], {})


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
