"""Sends that are spread over time, and sends that repeat, as their backends see them."""

from datetime import datetime, timedelta

import pytest

from tests.integration.flow.scene import BY_BOTH_DOORS, Scene, fates, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]


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
    await scene.order(send, "cancel")
    counted = fates(await scene.finished(send, 40))
    assert counted["planned"] == 300
    assert counted["cancelled"] == scene.accepted(devices)[0]


async def test_what_is_sent_to_a_few_is_not_spread(scene: Scene) -> None:
    assert await scene.refused({"users": ["zoe"]}, per_minute=5) == ["/per_minute"]


async def test_a_repeated_send_shows_its_next_time_and_ends_when_it_is_called_off(scene: Scene) -> None:
    send = await scene.send(repeat={"cron": "30 4 1 1 *", "zone": "Asia/Tokyo"})
    shown = await scene.status(send)
    begins = datetime.fromisoformat(shown["begins_at"])
    assert shown["state"] == "scheduled"
    assert (begins.month, begins.day, begins.hour, begins.minute) == (12, 31, 19, 30)
    assert utc() < begins < utc() + timedelta(days=367)
    await scene.order(send, "cancel")
    report = await scene.finished(send, 30)
    assert fates(report) == {}
    assert (await scene.status(send))["order"] == "cancelled"
