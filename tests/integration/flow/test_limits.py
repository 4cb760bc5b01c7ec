"""A variant's rate limit as its provider sees it, set over the API, for large sends and single ones."""

from datetime import datetime

import pytest

from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, fates

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
RATE = 60


def arrivals(scene: Scene, devices: list[Dev]) -> list[float]:
    return sorted(datetime.fromisoformat(one["time"]).timestamp() for one in scene.asked(devices))


def ahead(at: list[float]) -> float:
    """By how many seconds the limit was ahead of its time at most: counted from the first, so that a machine which
    stalls, and then reads at once what had come, is not taken for a sender that hurries.
    """
    return max(number / RATE - (one - at[0]) for number, one in enumerate(at))


async def limit(scene: Scene, platform: str, rate: float | None) -> None:
    path = f"/v1/apps/{scene.app}/variants/{scene.variants[platform]}"
    answer = await scene.call("PUT", path, {"rate_limit": rate}, scene.fleet.admin_key)
    assert (answer.status_code, answer.json()["rate_limit"]) == (200, rate)
    assert (await scene.call("GET", path, key=scene.fleet.admin_key)).json()["rate_limit"] == rate


async def test_a_campaign_and_single_sends_keep_one_limit_and_a_neighbour_is_not_slowed(scene: Scene) -> None:
    await limit(scene, "apns", RATE)
    slow, fast = await scene.crowd("apns", 5 * RATE), await scene.crowd("fcm", 5 * RATE)
    campaign = await scene.send()
    singles = [await scene.send({"devices": [dev.id]}) for dev in slow[: RATE // 2]]
    report = await scene.finished(campaign)
    assert fates(report) == {"planned": 10 * RATE, "delivered": 10 * RATE}
    for one in singles:
        assert fates(await scene.finished(one)) == {"planned": 1, "delivered": 1}
    at = arrivals(scene, slow)
    assert len(at) == 5.5 * RATE
    assert ahead(at) <= 0.7
    assert at[-1] - at[0] >= 4.5
    theirs = arrivals(scene, fast)
    assert theirs[-1] < at[-1]


async def test_a_limit_that_is_taken_off_is_off_within_seconds(scene: Scene) -> None:
    await limit(scene, "fcm", 2)
    devices = await scene.crowd("fcm", 200)
    send = await scene.send()
    await limit(scene, "fcm", None)
    assert fates(await scene.finished(send)) == {"planned": 200, "delivered": 200}
    at = arrivals(scene, devices)
    assert at[-1] - at[0] < 50  # under the limit it would be twice as long
    assert scene.accepted(devices) == {1: 200}
