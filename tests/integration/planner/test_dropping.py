"""Slices that an operator gives up: what is open of them is closed as `failed: dropped`, once, and the books close."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, cast

import pytest

from services.planner.calling_off import CallingOff
from services.planner.counting import Counting
from services.planner.dropping import Dropping
from services.planner.publishing import Publishing
from shared.bus.connection import Bus, open_bus
from shared.bus.topology import DEFAULT, DROPS, topology
from shared.flow.audience import Audience
from shared.flow.envelope import SliceDue, SlicesDue
from shared.flow.identity import SHARDS, member_id, retry_slice_id
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.plan import Plan, PlannedRoute, chunk_of
from shared.flow.record import Count, Owed, Part, Record
from shared.flow.report import report
from shared.flow.send import Route, Send, SendRequest
from shared.flow.verdict import Fate
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.claims import Claim
from shared.store.connection import Store, open_store
from shared.store.devices import Registration
from shared.store.keyring import open_keyring
from shared.taking import Taking

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
KEY = "app.send0001"
DEVICES = 40


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


@pytest.fixture
async def bus(amqp_url: str) -> AsyncIterator[Bus]:
    async with open_bus(amqp_url, name="test") as bus:
        await bus.declare(topology(["apns"], 60))
        yield bus


@pytest.fixture
async def plan(opened: Store) -> Plan:
    """A send to everyone in two slices of two chunks, 40 devices registered."""
    deadline = NOW + timedelta(hours=1)
    route = Route(variant="v1", platform="apns")
    request = SendRequest(audience=Audience(everyone=True), message=Message(title="Ding"))
    send = Send(
        key=KEY, app="app", lane=Lane.BULK, routes=(route,), small=False, request=request, accepted_at=NOW,
        deadline=deadline,
    )  # fmt: skip
    await opened.sends.insert([send])
    for n in range(DEVICES):
        await opened.devices.register(Registration("app", "v1", "apns", f"t{n}", None, {}), NOW)
    routes = (PlannedRoute(variant="v1", platform="apns", bounds=(0, SHARDS // 2, SHARDS), chunks=(2, 2)),)
    plan = Plan(key=KEY, app="app", lane=Lane.BULK, accepted_at=NOW, deadline=deadline, routes=routes)
    return await opened.plans.insert(plan)


class Run:
    """A planner's hold on the queue of drops."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self.life, self.bus = Life(timedelta(seconds=5)), bus
        clock, metrics = cast("Any", FixedClock(NOW)), Metrics()
        taking = Taking(bus, clock, metrics, self.life, "drops")
        counting = Counting(store, clock, metrics, Publishing(bus, metrics, 60))
        self.dropping = Dropping(store, clock, CallingOff(store, clock, counting, "a planner"), taking)

    async def __aenter__(self) -> Self:
        self.task = asyncio.ensure_future(self.dropping.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.life.stop()
        await self.task

    async def give_up(self, slice_: str, *chunks: int) -> None:
        due = SlicesDue(slices=(SliceDue(id=slice_, chunks=chunks or None),))
        await self.bus.publish(DEFAULT, DROPS, due.model_dump_json().encode())


async def until_closed(store: Store, members: list[str]) -> None:
    async with asyncio.timeout(60):
        while await store.records.closed(members) != set(members):  # noqa: ASYNC110  # nor has the store
            await asyncio.sleep(0.02)


async def test_dropped_slices_close_the_books_once_however_often_they_are_dropped(
    opened: Store, bus: Bus, plan: Plan
) -> None:
    members = [member for one in plan.slices() for member in one.members()]
    kept = Part(
        member=members[0], send=KEY, app="app", variant="v1", platform="apns", matched=7,
        counts=(Count(fate=Fate.DELIVERED, n=5),), looked_up_at=NOW,
        owed=(Owed(step=0, due=NOW, reason="503", devices=(b"a" * 12, b"b" * 12)),),
    )  # fmt: skip
    await opened.records.insert(Record(id=members[0], by="a worker", at=NOW, parts=(kept,)))
    retry = retry_slice_id(members[0], 0)
    async with Run(opened, bus) as running:
        for _ in range(2):
            await running.give_up(f"{KEY}.0.0")
            await running.give_up(f"{KEY}.0.1", 1)
            await running.give_up(retry)
        await running.give_up(retry_slice_id(members[1], 3))
        await running.give_up(f"{KEY}.0.9")
        await running.give_up("app.send9999.0.0")
        await until_closed(opened, [members[0], members[1], members[3], member_id(retry, 0)])
        assert not await opened.records.closed([members[2]])
        await running.give_up(f"{KEY}.0.1", 0)
        await until_closed(opened, members)
    assert await opened.records.part(members[0]) == kept
    total = report(plan, await opened.records.sum(KEY)).total
    expected = 7 + sum(
        [await opened.devices.count("app", "v1", where, Audience(everyone=True)) for where in ranges(plan)[1:]]
    )
    assert (total.planned, total.delivered, total.failed, total.open) == (expected, 5, expected - 5, 0)
    assert total.reasons["failed"] == {"dropped": expected - 5}
    assert await opened.database["records"].count_documents({}) == 5, "nothing that no plan and no record names"


async def test_what_a_worker_has_in_hand_is_not_dropped_and_what_it_delivers_counts(
    opened: Store, bus: Bus, plan: Plan
) -> None:
    held, free = [list(one.members()) for one in plan.slices()]
    claim = await opened.claims.take(held, "a worker", NOW, NOW + timedelta(hours=1))
    assert isinstance(claim, Claim)
    async with Run(opened, bus) as running:
        await running.give_up(f"{KEY}.0.0")
        await running.give_up(f"{KEY}.0.1")
        await until_closed(opened, free)
        assert not await opened.records.closed(held)
        done = Part(
            member=held[0], send=KEY, app="app", variant="v1", platform="apns", matched=7,
            counts=(Count(fate=Fate.DELIVERED, n=7),), looked_up_at=NOW,
        )  # fmt: skip
        await opened.records.insert(Record(id=held[0], by="a worker", at=NOW, parts=(done,)))
        await opened.claims.hand_back("a worker", [claim.id], NOW)
        await until_closed(opened, held)
    assert await opened.records.part(held[0]) == done
    left = await opened.records.part(held[1])
    assert left is not None
    assert {(one.fate, one.reason) for one in left.counts} == {(Fate.FAILED, "dropped")}


def ranges(plan: Plan) -> list[Any]:
    return [chunk_of(plan.routes[0], number, chunk) for number in (0, 1) for chunk in (0, 1)]
