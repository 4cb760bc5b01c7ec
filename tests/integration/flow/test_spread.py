"""Sends that are spread over time, and sends that repeat, as their backends see them."""

from datetime import datetime, timedelta

import pytest

from tests.integration.flow.backend import Backend
from tests.integration.flow.scene import Scene, fates, utc

pytestmark = pytest.mark.anyio


async def test_a_spread_send_takes_its_time_and_reaches_everybody_once(scene: Scene) -> None:
    """6 a minute, which is 6 a second on the tests' time; two seconds' worth may go at the start."""
    devices = [*await scene.crowd("fcm", 40), *await scene.crowd("apns", 30)]
    report = await scene.run(per_minute=6, within=60)
    assert fates(report) == {"planned": 70, "delivered": 70}
    assert scene.accepted(devices) == {1: 70}
    times = sorted(datetime.fromisoformat(one["time"]) for one in scene.asked(devices))
    assert times[-1] - times[0] >= timedelta(seconds=(70 - 13) / 6 - 3)


async def test_a_spread_send_can_be_called_off(scene: Scene) -> None:
    devices = await scene.crowd("fcm", 300)
    send = await scene.send(per_minute=6)
    assert (await scene.call("POST", f"/v1/sends/{send}:cancel")).status_code == 200
    counted = fates(await scene.finished(send, 40))
    assert counted["planned"] == 300
    assert counted["cancelled"] == scene.accepted(devices)[0]


async def test_what_is_sent_to_a_few_is_not_spread(scene: Scene) -> None:
    await scene.send({"users": ["zoe"]}, status=422, per_minute=5)


@pytest.mark.parametrize("door", ["http", "amqp"])
async def test_a_repeated_send_shows_its_next_time_and_ends_when_it_is_called_off(
    scene: Scene, backend: Backend, door: str
) -> None:
    repeat = {"cron": "30 4 1 1 *", "zone": "Asia/Tokyo"}
    if door == "http":
        send = await scene.send(repeat=repeat)
    else:
        send = "every-new-year"
        body = {"audience": {"everyone": True}, "message": {"title": "Ding"}, "repeat": repeat}
        assert (await backend.command(scene, {"id": send, **body}))["state"] == "accepted"
    shown = await scene.status(send)
    begins = datetime.fromisoformat(shown["begins_at"])
    assert shown["state"] == "scheduled"
    assert (begins.month, begins.day, begins.hour, begins.minute) == (12, 31, 19, 30)
    assert utc() < begins < utc() + timedelta(days=367)
    assert (await scene.call("POST", f"/v1/sends/{send}:cancel")).status_code == 200
    report = await scene.finished(send, 30)
    assert fates(report) == {}
    assert (await scene.status(send))["order"] == "cancelled"
