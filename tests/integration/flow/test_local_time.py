"""Each device at a time of its own zone, and none in its quiet hours: held by the books and sent once."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, fates, until, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
WEST = "Pacific/Honolulu"


def clock_in(zone: str, seconds: float) -> str:
    """What the clocks of a zone show so many seconds from now."""
    return (utc() + timedelta(seconds=seconds)).astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat()


def nights(zone: str) -> Json:
    """Quiet hours that are on in this zone now, for some hours; not on the other side of the globe."""
    now = utc().astimezone(ZoneInfo(zone))
    start, end = now - timedelta(hours=1), now + timedelta(hours=5)
    return {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}


def asked_at(scene: Scene, device: Dev) -> list[datetime]:
    return [datetime.fromisoformat(one["time"]) for one in scene.asked([device])]


async def test_each_device_gets_it_at_the_time_of_its_zone(scene: Scene) -> None:
    """Named or not: here it is time in six seconds, further east it was before, and in the west it is hours away."""
    (here,) = await scene.devices("apns", 1, user="pia", zone="Asia/Tokyo")
    (east,) = await scene.devices("apns", 1, user="pia", zone="Australia/Sydney")
    (west,) = await scene.devices("fcm", 1, user="pia", zone=WEST)
    moment = utc() + timedelta(seconds=6)
    local = {"at": clock_in("Asia/Tokyo", 6), "passed": "skip", "zone": WEST}
    both: list[Json] = [{"users": ["pia"]}, {"everyone": True}]
    sends = [await scene.send(audience, local=local) for audience in both]
    await until(lambda: len(asked_at(scene, here)) >= 2)
    assert min(asked_at(scene, here)) >= moment - timedelta(milliseconds=50)
    assert not scene.asked([west])
    for send in sends:
        shown = await scene.status(send)
        assert shown["state"] == "running"
        assert shown["report"]["total"]["planned"] == 3
        await scene.order(send, "cancel")
    for send in sends:
        report = await scene.finished(send)
        assert fates(report) == {"planned": 3, "delivered": 1, "suppressed": 1, "cancelled": 1}
        assert report["total"]["reasons"]["suppressed"] == {"zone_passed": 1}
    assert not scene.asked([east, west])


async def test_a_device_that_moves_zone_meanwhile_gets_exactly_one(scene: Scene) -> None:
    """One goes to where it is time sooner, one to where it is later: each is asked for its zone when its turn comes."""
    stays, goes_west, goes_east = await scene.devices("apns", 3, zone="Asia/Tokyo")
    send = await scene.send(local={"at": clock_in("Asia/Tokyo", 6)})
    await until(lambda: scene.store.records.of_send(scene.key(send)), 20)
    for device, zone in ((goes_west, WEST), (goes_east, "Pacific/Auckland")):
        await scene.call("PUT", f"/v1/devices/{device.id}", {"zone": zone})
    await until(lambda: scene.accepted([stays, goes_east]) == {1: 2}, 40)
    assert scene.accepted([goes_west]) == {0: 1}
    await scene.call("PUT", f"/v1/devices/{goes_west.id}", {"zone": "Asia/Tokyo"})
    await scene.order(send, "cancel")
    assert fates(await scene.finished(send, 30)) == {"planned": 3, "delivered": 2, "cancelled": 1}
    assert scene.accepted([stays, goes_east, goes_west]) == {1: 2, 0: 1}


async def test_what_waits_for_its_zone_survives_the_death_of_everybody(frail: Scene) -> None:
    devices = await frail.crowd("fcm", 50, zone="Asia/Tokyo")
    send = await frail.send(local={"at": clock_in("Asia/Tokyo", 10)})
    await until(lambda: frail.store.records.of_send(frail.key(send)), 20)
    processes = [frail.fleet.processes[name] for name in ("delivery-fcm", "planner", "reporter")]
    for process in processes:
        await asyncio.to_thread(process.kill)
    await asyncio.gather(*(asyncio.to_thread(one.start) for one in processes))
    assert fates(await frail.finished(send, 60)) == {"planned": 50, "delivered": 50}
    assert frail.accepted(devices) == {1: 50}


async def test_who_sleeps_is_left_alone_unless_it_is_critical(scene: Scene) -> None:
    zones = ["Asia/Tokyo", "America/New_York"]
    quiet = nights("Asia/Tokyo")
    asleep, awake = [(await scene.devices("apns", 1, user="rio", zone=zone))[0] for zone in zones]
    path = f"/v1/apps/{scene.app}/policy"
    for mode in ("drop", "hold"):
        answer = await scene.call("PUT", path, {"quiet_hours": {**quiet, "mode": mode}})
        assert answer.status_code == 200, answer.text
        await asyncio.sleep(2.5)  # a worker hears of it within a second or two
        send = await scene.send({"users": ["rio"]})
        if mode == "drop":
            report = await scene.finished(send)
            assert report["total"]["reasons"]["suppressed"] == {"quiet_hours": 1}
        else:
            await until(lambda: scene.accepted([awake]) == {2: 1}, 20)
            await scene.order(send, "cancel")
            assert fates(await scene.finished(send, 30)) == {"planned": 2, "delivered": 1, "cancelled": 1}
    assert fates(await scene.run({"users": ["rio"]}, critical=True)) == {"planned": 2, "delivered": 2}
    assert scene.accepted([asleep]) == {1: 1}
    assert scene.accepted([awake]) == {3: 1}


async def test_a_time_that_is_past_everywhere_is_refused(scene: Scene) -> None:
    past = (datetime.now(UTC) - timedelta(hours=13)).replace(tzinfo=None).isoformat()
    assert await scene.refused(local={"at": past}) == ["/local/at"]
