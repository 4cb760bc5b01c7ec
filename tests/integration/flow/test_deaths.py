"""Processes that are killed, drained and doubled: nothing is lost, nothing counts twice, little is sent twice."""

import asyncio
from datetime import datetime

import pytest

from tests.integration.flow.providers import Json
from tests.integration.flow.scene import Dev, Scene, fates, until

pytestmark = pytest.mark.anyio
CHUNK = 20
IN_FLIGHT = 8
"""Chunks worked at once by one process, by default."""
SLOW = {"median": 0.3}


async def under_way(scene: Scene, devices: list[Dev], least: int) -> None:
    await until(lambda: len(scene.asked(devices)) >= least)


async def test_after_a_kill_only_chunks_in_flight_repeat_and_the_books_close(frail: Scene) -> None:
    devices = await frail.crowd("fcm", 500)
    process = frail.fleet.processes["delivery-fcm"]
    async with frail.providers.knobs("fcm", latency=SLOW):
        send = await frail.send()
        await under_way(frail, devices, 150)
        await asyncio.to_thread(process.kill)
        assert (await frail.status(send))["state"] == "running"
        await asyncio.to_thread(process.start)
        report = await frail.finished(send)
    assert fates(report) == {"planned": 500, "delivered": 500}
    counts = frail.accepted(devices)
    assert set(counts) <= {1, 2}
    assert counts[1] + counts[2] == 500
    assert 0 < counts[2] <= CHUNK * IN_FLIGHT


async def test_a_drained_process_finishes_what_is_in_flight_and_repeats_nothing(frail: Scene) -> None:
    devices = [*await frail.crowd("fcm", 700), *await frail.crowd("apns", 200)]
    processes = [frail.fleet.processes[name] for name in ("delivery-fcm", "delivery-apns")]
    slow = {"median": 1}  # five waves of chunks in flight: far from over when it is asked to stop
    async with frail.providers.knobs("fcm", latency=slow), frail.providers.knobs("apns", latency=slow):
        send = await frail.send()
        await under_way(frail, [dev for dev in devices if dev.platform == "fcm"], 60)
        codes = await asyncio.gather(*(asyncio.to_thread(one.stop) for one in processes))
        assert codes == [0, 0]
        assert (await frail.status(send))["state"] == "running"
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in processes))
        report = await frail.finished(send)
    assert fates(report) == {"planned": 900, "delivered": 900}
    assert frail.accepted(devices) == {1: 900}


async def test_planner_and_reporter_may_die_at_any_moment(frail: Scene) -> None:
    devices = await frail.crowd("fcm", 400)
    processes = [frail.fleet.processes[name] for name in ("planner", "reporter")]
    async with frail.providers.knobs("fcm", latency={"median": 0.1}):
        send = await frail.send()
        await under_way(frail, devices, 40)
        for process in processes:
            await asyncio.to_thread(process.kill)
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in processes))
        report = await frail.finished(send)
    assert fates(report) == {"planned": 400, "delivered": 400}
    assert frail.accepted(devices) == {1: 400}
    await until(lambda: frail.store.reports.is_told(frail.key(send)))


async def test_two_of_each_do_nothing_twice_and_share_one_authorization(frail: Scene) -> None:
    """And a cold start: one request first on a connection, the others when Apple's limit has risen, never above it."""
    names = ("planner", "reporter", "delivery-apns", "delivery-fcm")
    twins = [frail.fleet.another(name) for name in names]
    await asyncio.gather(*(asyncio.to_thread(one.start) for one in twins))
    try:
        apns, fcm = await frail.crowd("apns", 400), await frail.crowd("fcm", 300)
        users = await frail.devices("apns", 10, user="u{}")
        cold: Json = {"latency": {"median": 0.2}, "stream_excess": "goaway"}
        async with frail.providers.knobs("apns", **cold):
            large = await frail.send()
            small = await asyncio.gather(*(frail.send({"users": [f"u{n % 10}"]}) for n in range(60)))
            reports = await asyncio.gather(*(frail.finished(send) for send in (large, *small)))
    finally:
        assert set(await asyncio.gather(*(asyncio.to_thread(one.stop) for one in twins))) == {0}
        for one in twins:
            del frail.fleet.processes[one.name]
    assert [fates(one) for one in reports] == [{"planned": n, "delivered": n} for n in (710, *[1] * 60)]
    assert frail.accepted([*apns, *fcm]) == {1: 700}
    assert frail.accepted(users) == {7: 10}
    asked = frail.asked([*apns, *users])
    assert {one["auth"]["iss"] for one in asked} == {frail.team}
    assert len({one["auth"]["fingerprint"] for one in asked}) == 1
    tokens = [one for one in frail.providers.log("fcm") if one.get("path") == "/token"]
    assert sum(frail.project in str(one.get("auth")) for one in tokens) == 1  # of Google, for two processes
    connections = by_connection(asked)
    assert len(connections) == 2
    for times in connections.values():
        assert (times[1] - times[0]).total_seconds() >= 0.1


def by_connection(asked: list[Json]) -> dict[int, list[datetime]]:
    found: dict[int, list[datetime]] = {}
    for one in asked:
        found.setdefault(one["connection"], []).append(datetime.fromisoformat(one["time"]))
    return {connection: sorted(times) for connection, times in found.items()}
