"""A canary: a sample first; the rest by itself if few of it failed, else the send waits and its backend is told."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.integration.flow.backend import Backend
from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Scene, fates, until, utc
from tests.integration.flow.test_local_time import clock_in, nights

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]


async def test_the_rest_goes_on_by_itself_after_the_wait(scene: Scene) -> None:
    devices = [*await scene.crowd("fcm", 120), *await scene.crowd("apns", 80)]
    report = await scene.run(canary={"share": 0.2, "wait": 120}, within=60)
    assert fates(report) == {"planned": 200, "delivered": 200}
    assert scene.accepted(devices) == {1: 200}
    times = sorted(datetime.fromisoformat(one["time"]) for one in scene.asked(devices))
    waits = [later - before for before, later in pairwise(times)]
    assert max(waits[10:90]) >= timedelta(seconds=1.9), "two seconds of these tests between sample and rest"


async def test_too_many_failures_pause_the_send_and_its_backend_decides(
    scene: Scene, backend: Backend, sends_by: str
) -> None:
    """By a list over AMQP, by a broadcast over HTTP."""
    events = await backend.feedback(scene.app)
    devices = await scene.crowd("fcm", 150, known={"script": [{"status": 400, "reason": "INVALID_ARGUMENT"}]})
    canary: Json = {"number": 40, "wait": 1, "most_failed": 0.1}
    audience: Json = {"devices": [one.id for one in devices]} if sends_by == "amqp" else {"everyone": True}
    send = await scene.send(audience, canary=canary)
    await until(lambda: any(one.get("state") == "paused" for one in events), 40)
    shown = await scene.status(send)
    assert (shown["order"], shown["order_why"]) == ("paused", "canary")
    asked = len(scene.asked(devices))
    assert asked == 40 if sends_by == "amqp" else 10 <= asked <= 80
    await scene.order(send, "resume")
    assert fates(await scene.finished(send, 40)) == {"planned": 150, "rejected": 150}
    assert len(scene.asked(devices)) == 150


async def test_a_canary_is_refused_where_there_is_nothing_to_sample(scene: Scene) -> None:
    assert await scene.refused({"users": ["ann"]}, canary={"share": 0.5}) == ["/canary"]
    assert await scene.refused(canary={"share": 0.5, "number": 5}) == ["/canary"]
    assert await scene.refused(canary={}) == ["/canary"]


async def test_who_sleeps_in_the_sample_is_no_failure(scene: Scene) -> None:
    """Two thirds of all are in their quiet hours: the others of the sample decide, and the rest goes on."""
    asleep = await scene.crowd("fcm", 80, zone="Asia/Tokyo")
    awake = await scene.crowd("fcm", 40, zone="America/New_York")
    quiet = {"quiet_hours": {**nights("Asia/Tokyo"), "mode": "hold"}}
    assert (await scene.call("PUT", f"/v1/apps/{scene.app}/policy", quiet)).status_code == 200
    await asyncio.sleep(2.5)  # a worker hears of it within a second or two
    send = await scene.send(canary={"share": 0.5, "wait": 30})
    await until(lambda: scene.accepted(awake) == {1: 40}, 40)
    assert (await scene.status(send))["order"] is None
    await scene.order(send, "cancel")
    assert fates(await scene.finished(send, 40)) == {"planned": 120, "delivered": 40, "cancelled": 80}
    assert scene.accepted(asleep) == {0: 80}


async def test_a_sample_a_pace_and_local_times_go_together(scene: Scene) -> None:
    """Six a second in the tests' time, each at its own time or later, once, though all of them wait at first."""
    devices = await scene.crowd("fcm", 24, zone="Asia/Tokyo")
    moment = utc() + timedelta(seconds=5)
    send = await scene.send(
        local={"at": clock_in("Asia/Tokyo", 5), "passed": "skip"}, per_minute=6, canary={"share": 0.25, "wait": 30}
    )
    assert fates(await scene.finished(send, 60)) == {"planned": 24, "delivered": 24}
    assert scene.accepted(devices) == {1: 24}
    times = sorted(datetime.fromisoformat(one["time"]) for one in scene.asked(devices))
    assert times[0] >= moment - timedelta(milliseconds=50)
    assert times[-1] - times[0] >= timedelta(seconds=(24 - 13) / 6)
