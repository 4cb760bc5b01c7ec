"""Sends that are paused, resumed and called off, half-way and by either door: the books say exactly what was sent."""

import asyncio

import pytest

from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, fates, until

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
CHUNK = 20
IN_FLIGHT = 8
SLOW = {"median": 0.3}


async def under_way(scene: Scene, devices: list[Dev], least: int) -> None:
    await until(lambda: len(scene.asked(devices)) >= least, 20)


async def silent(scene: Scene, devices: list[Dev]) -> int:
    """How many requests there were, once no more come."""
    before = -1
    while (now := len(scene.asked(devices))) != before:
        before = now
        await asyncio.sleep(2.5)
    return now


async def test_called_off_half_way_what_was_sent_is_counted_and_the_rest_is_cancelled(scene: Scene) -> None:
    devices = await scene.crowd("fcm", 1000)
    async with scene.providers.knobs("fcm", latency={"median": 0.5}):
        send = await scene.send()
        await under_way(scene, devices, 100)
        await scene.order(send, "cancel")
        report = await scene.finished(send, 40)
    counted, accepted = fates(report), scene.accepted(devices)
    assert counted.keys() == {"planned", "delivered", "cancelled"}
    assert counted["planned"] == 1000
    assert accepted == {1: counted["delivered"], 0: counted["cancelled"]}
    assert (await scene.status(send))["order"] == "cancelled"


async def test_a_paused_send_stands_still_and_goes_on_where_it_was(scene: Scene) -> None:
    devices = await scene.crowd("fcm", 600)
    async with scene.providers.knobs("fcm", latency=SLOW):
        send = await scene.send()
        await under_way(scene, devices, 60)
        await scene.order(send, "pause")
        sent = await silent(scene, devices)
        assert 0 < sent < 600
        assert (await scene.status(send))["state"] == "running"
        await scene.order(send, "resume")
        report = await scene.finished(send, 40)
    assert fates(report) == {"planned": 600, "delivered": 600}
    assert scene.accepted(devices) == {1: 600}


async def test_a_paused_send_can_be_called_off_and_then_never_goes_on(scene: Scene) -> None:
    devices = await scene.crowd("apns", 300)
    async with scene.providers.knobs("apns", latency=SLOW):
        send = await scene.send()
        await scene.order(send, "pause")
        sent = await silent(scene, devices)
        await scene.order(send, "cancel")
        report = await scene.finished(send, 40)
    assert (report["total"]["delivered"], report["total"]["cancelled"]) == (sent, 300 - sent)
    for wish in ("pause", "resume"):
        assert await scene.door.order(send, wish) == "too late"
    await scene.order(send, "cancel")


async def test_a_retry_that_is_owed_is_called_off_too(scene: Scene) -> None:
    (device,) = await scene.devices("fcm", 1, user="ida")
    await scene.providers.script("fcm", device.token, {"status": 503, "reason": "UNAVAILABLE", "retry_after": "36000"})
    send = await scene.send({"users": ["ida"]})
    await under_way(scene, [device], 1)
    await until(lambda: scene.store.records.of_send(scene.key(send)), 20)
    await scene.order(send, "cancel")
    assert fates(await scene.finished(send)) == {"planned": 1, "cancelled": 1}
    assert len(scene.asked([device])) == 1


async def test_what_a_killed_worker_had_in_hand_is_called_unknown_and_never_cancelled(frail: Scene) -> None:
    devices = await frail.crowd("fcm", 800)
    process = frail.fleet.processes["delivery-fcm"]
    async with frail.providers.knobs("fcm", latency=SLOW):
        send = await frail.send()
        await under_way(frail, devices, 100)
        await asyncio.to_thread(process.kill)
        await frail.order(send, "cancel")
        await asyncio.to_thread(process.start)
        report = await frail.finished(send, 40)
    counted, accepted = fates(report), frail.accepted(devices)
    assert accepted[0] >= counted["cancelled"] > 0
    assert accepted.keys() <= {0, 1}
    delivered = counted.get("delivered", 0)  # none, if it was killed before its first record
    assert delivered <= accepted[1] <= delivered + counted["failed"]
    assert report["total"]["reasons"]["failed"] == {"unknown_outcome": counted["failed"]}
    assert counted["failed"] <= CHUNK * (IN_FLIGHT + 7), "what was in flight, and the rest of two halves of slices"


async def test_planners_that_die_while_they_call_off_leave_exact_books(frail: Scene) -> None:
    devices = await frail.crowd("fcm", 1000)
    planner, twin = frail.fleet.processes["planner"], frail.fleet.another("planner")
    await asyncio.to_thread(twin.start)
    try:
        async with frail.providers.knobs("fcm", latency={"median": 0.5}):
            send = await frail.send()
            await under_way(frail, devices, 60)
            await frail.order(send, "cancel")
            await asyncio.to_thread(planner.kill)
            await asyncio.to_thread(planner.start)
            report = await frail.finished(send, 60)
    finally:
        await asyncio.to_thread(twin.stop)
        del frail.fleet.processes[twin.name]
    counted = fates(report)
    assert frail.accepted(devices) == {1: counted["delivered"], 0: counted["cancelled"]}


async def test_what_cannot_be_ordered_is_refused(scene: Scene) -> None:
    await scene.devices("apns", 1, user="joe")
    send = await scene.send({"users": ["joe"]})
    await scene.finished(send)
    assert await scene.door.order(send, "cancel") == "too late"
    assert await scene.door.order("nonesuch0", "pause") == "unknown"
