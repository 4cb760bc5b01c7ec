"""What every attempt at one notification has in common, and what the next one carries: only what is owed."""

import json
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Scene, fates, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
SCALE = 60
LOST = {"drop": "close", "processed": True}
BUSY = {"status": 503, "reason": "UNAVAILABLE", "retry_after": "10"}
QUOTA = {"status": 429, "reason": "QUOTA_EXCEEDED", "message": "Device message rate exceeded."}


def header(asked: Json, name: str) -> Any:
    return dict(asked["headers"]).get(name)


async def test_three_attempts_carry_one_id_one_collapse_id_one_tag_and_one_deadline(scene: Scene) -> None:
    apns, fcm = (await scene.devices("apns"))[0], (await scene.devices("fcm"))[0]
    await scene.providers.script("apns", apns.token, LOST, {"status": 429, "reason": "TooManyRequests"})
    await scene.providers.script("fcm", fcm.token, LOST, BUSY)
    assert fates(await scene.run(ttl=600)) == {"planned": 2, "delivered": 2}
    on_apple, on_google = scene.asked([apns]), scene.asked([fcm])
    assert (len(on_apple), len(on_google)) == (3, 3)
    for name in ("apns-id", "apns-collapse-id", "apns-expiration", "apns-priority", "apns-topic"):
        values = {header(one, name) for one in on_apple}
        assert len(values) == 1, name
        assert None not in values, name
    android = [json.loads(one["body"])["message"]["android"] for one in on_google]
    assert len({one["notification"]["tag"] for one in android}) == 1
    assert android[0]["notification"]["tag"]
    lives = [float(one["ttl"].removesuffix("s")) for one in android]
    assert lives == sorted(lives, reverse=True)  # what remains, at the moment of each attempt
    assert 0 < lives[-1] < lives[0] <= 600


async def test_a_retry_carries_only_who_is_owed_one(scene: Scene) -> None:
    devices = await scene.crowd("fcm", 30)
    for dev in devices[:3]:
        await scene.providers.script("fcm", dev.token, BUSY)
    assert fates(await scene.run(ttl=600)) == {"planned": 30, "delivered": 30}
    assert [len(scene.asked([dev])) for dev in devices] == [2] * 3 + [1] * 27


async def test_a_wait_told_as_a_date_is_kept_like_one_told_in_seconds(scene: Scene) -> None:
    dated, told = await scene.devices("fcm", 2)
    when = utc() + timedelta(seconds=90)
    await scene.providers.script("fcm", dated.token, {**QUOTA, "retry_after": format_datetime(when, usegmt=True)})
    await scene.providers.script("fcm", told.token, {**QUOTA, "retry_after": "90"})
    assert fates(await scene.run(ttl=600)) == {"planned": 2, "delivered": 2}
    for dev, least in ((dated, 60), (told, 90)):  # the request took its time, too
        first, second = [datetime.fromisoformat(one["time"]) for one in scene.asked([dev])]
        assert second - first >= timedelta(seconds=least) / SCALE


async def test_an_unknown_outcome_is_tried_five_times_and_then_given_up_as_unknown(scene: Scene) -> None:
    (dev,) = await scene.devices("fcm")
    # Its stream ends, never its connection: a request that is lost with that was made, and never read.
    await scene.providers.script("fcm", dev.token, {"drop": "reset", "times": 9})
    report = await scene.run(ttl=600)
    assert report["total"]["reasons"] == {"failed": {"unknown_outcome": 1}}
    asked = [datetime.fromisoformat(one["time"]) for one in scene.asked([dev])]
    assert len(asked) == 5
    assert all(later > earlier for earlier, later in pairwise(asked))
