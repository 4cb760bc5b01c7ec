"""Whatever a lost queue or a dead process leaves undone is found in the store and mended."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from services.cli.local.fleet import Fleet
from tests.integration.flow.backend import Backend
from tests.integration.flow.scene import Scene, fates, until

pytestmark = pytest.mark.anyio
BUSY = {"status": 429, "reason": "QUOTA_EXCEEDED", "message": "Device message rate exceeded.", "retry_after": "480"}


@asynccontextmanager
async def stopped(fleet: Fleet, *names: str) -> AsyncIterator[None]:
    """Drained before, running again after."""
    processes = [fleet.processes[name] for name in names]
    codes = await asyncio.gather(*(asyncio.to_thread(one.stop) for one in processes))
    assert set(codes) == {0}
    try:
        yield
    finally:
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in processes))


async def finished(scene: Scene, sends: Iterable[str]) -> list[dict[str, int]]:
    return [fates(one) for one in await asyncio.gather(*(scene.finished(send) for send in sends))]


async def test_a_lost_result_leaves_the_send_open_and_the_sweep_mends_it(frail: Scene, frail_backend: Backend) -> None:
    await frail.crowd("fcm", 40)
    (dead,) = await frail.devices("fcm", known={"state": "unregistered"}, user="ann")
    events = await frail_backend.feedback(frail.app)
    async with stopped(frail.fleet, "reporter"):
        large, small = await frail.send(), await frail.send({"users": ["ann"]})
        await until(lambda: recorded(frail, large, 3))
        await until(lambda: recorded(frail, small, 1))
        assert await frail_backend.drain("results.bulk", at_least=3)
        assert await frail_backend.drain("results.now", at_least=1)
        assert await frail.store.reports.get(frail.key(large)) is None
        assert events == []
    await until(lambda: frail.store.reports.is_told(frail.key(large)))
    await until(lambda: {e["send"] for e in events if e["kind"] == "send"} == {large, small})
    assert await finished(frail, [large]) == [{"planned": 41, "delivered": 40, "unregistered": 1}]
    assert {one["send"] for one in events if one["kind"] == "chunk"} == {large, small}
    device = await frail.store.devices.get(frail.app, bytes.fromhex(dead.id))
    assert device is not None
    assert device["retired"]["reason"] == "UNREGISTERED"


async def recorded(scene: Scene, send: str, least: int) -> bool:
    return len(await scene.store.records.recorded_members(scene.key(send))) >= least


async def test_lost_slices_are_published_again_and_what_expired_meanwhile_is_closed_by_counting(
    frail: Scene, frail_backend: Backend
) -> None:
    devices = [*await frail.crowd("fcm", 40), *await frail.devices("fcm", 1, user="ann")]
    (late,) = await frail.devices("fcm", user="late")
    await frail.providers.script("fcm", late.token, BUSY)
    owing = await frail.send({"users": ["late"]}, ttl=14)
    await until(lambda: recorded(frail, owing, 2))
    async with stopped(frail.fleet, "delivery-fcm"):
        expiring = [await frail.send(ttl=1), await frail.send({"users": ["ann"]}, ttl=1), owing]
        done = await finished(frail, expiring)
        assert done == [{"planned": n, "expired": n} for n in (42, 1, 1)]
        lost = [await frail.send(), await frail.send({"users": ["ann"]})]
        await until(lambda: frail.store.plans.get(frail.key(lost[0])))
        await asyncio.sleep(0.2)
        await frail_backend.drain("slices.fcm.bulk", at_least=1)
        await frail_backend.drain("slices.fcm.now", at_least=1)
        owed_now = [await frail.send(ttl=600, message={"title": "kept"}) for _ in range(2)]
    assert await finished(frail, lost) == [{"planned": n, "delivered": n} for n in (42, 1)]
    await finished(frail, owed_now)
    assert await finished(frail, expiring) == done
    assert frail.accepted(devices) == {3: 40, 4: 1}
    assert len(frail.asked([late])) == 4


async def test_a_lost_wake_up_is_made_up_for_and_a_send_never_planned_in_its_time_holds_the_count(
    frail: Scene, frail_backend: Backend
) -> None:
    devices = [
        *await frail.crowd("fcm", 30, tags=["red"], facets=["t:red"]),
        *await frail.devices("fcm", 1, user="ann"),
    ]
    async with stopped(frail.fleet, "planner"):
        tagged = await frail.send({"tags": {"any": ["red"]}}, ttl=1)
        listed = await frail.send({"devices": [dev.id for dev in devices[:20]]}, ttl=1)
        large, small = await frail.send(), await frail.send({"users": ["ann"]})
        await until(lambda: frail.accepted(devices[-1:]) == {1: 1})  # a small send needs no planner
        assert await frail_backend.drain("sends.bulk", at_least=1)
        assert await frail_backend.drain("sends.now", at_least=1)
        await asyncio.sleep(6)  # the deadline, and the five minutes past it at this time scale
    assert await finished(frail, [large, small]) == [{"planned": n, "delivered": n} for n in (31, 1)]
    reports = await asyncio.gather(*(frail.finished(send) for send in (tagged, listed)))
    assert [fates(one) for one in reports] == [{"planned": n, "expired": n} for n in (30, 20)]
    assert [one["chunks"] for one in reports] == [0, 0]
    assert frail.accepted(devices) == {1: 30, 2: 1}
