"""A canary: a sample first; the rest by itself if few of it failed, else the send waits and its backend is told."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.integration.flow.backend import Backend
from tests.integration.flow.providers import Json
from tests.integration.flow.scene import Scene, fates, until

pytestmark = pytest.mark.anyio


async def test_the_rest_goes_on_by_itself_after_the_wait(scene: Scene) -> None:
    devices = [*await scene.crowd("fcm", 120), *await scene.crowd("apns", 80)]
    report = await scene.run(canary={"share": 0.2, "wait": 120}, within=60)
    assert fates(report) == {"planned": 200, "delivered": 200}
    assert scene.accepted(devices) == {1: 200}
    times = sorted(datetime.fromisoformat(one["time"]) for one in scene.asked(devices))
    waits = [later - before for before, later in pairwise(times)]
    assert max(waits[10:90]) >= timedelta(seconds=1.9), "two seconds of these tests between sample and rest"


@pytest.mark.parametrize("door", ["http", "amqp"])
async def test_too_many_failures_pause_the_send_and_its_backend_decides(
    scene: Scene, backend: Backend, door: str
) -> None:
    """By a list over AMQP, by a broadcast over HTTP."""
    events = await backend.feedback(scene.app)
    devices = await scene.crowd("fcm", 150, known={"script": [{"status": 400, "reason": "INVALID_ARGUMENT"}]})
    canary: Json = {"number": 40, "wait": 1, "most_failed": 0.1}
    if door == "http":
        send = await scene.send(canary=canary)
    else:
        send = "canary-in-a-list"
        body: Json = {"audience": {"devices": [one.id for one in devices]}, "message": {"title": "Ding"}}
        assert (await backend.command(scene, {"id": send, **body, "canary": canary}))["state"] == "accepted"
    await until(lambda: any(one.get("state") == "paused" for one in events), 40)
    shown = await scene.status(send)
    assert (shown["order"], shown["order_why"]) == ("paused", "canary")
    asked = len(scene.asked(devices))
    assert asked == 40 if door == "amqp" else 10 <= asked <= 80
    assert (await scene.call("POST", f"/v1/sends/{send}:resume")).status_code == 200
    assert fates(await scene.finished(send, 40)) == {"planned": 150, "rejected": 150}
    assert len(scene.asked(devices)) == 150


async def test_a_canary_is_refused_where_there_is_nothing_to_sample(scene: Scene) -> None:
    await scene.send({"users": ["ann"]}, status=422, canary={"share": 0.5})
    await scene.send(status=422, canary={"share": 0.5, "number": 5})
    await scene.send(status=422, canary={})
