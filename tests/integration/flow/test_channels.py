"""Broadcast channels of Live Activities: one request for whoever follows, from either door."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.flow.providers import BUNDLE, Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Scene, fates, until

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
SCORE = {"event": "update", "timestamp": int(datetime.now(UTC).timestamp()), "content-state": {"home": 2, "away": 1}}


def message(aps: Mapping[str, Any] = SCORE, **block: object) -> Json:
    return {"apns": {"push_type": "liveactivity", "aps": dict(aps), **block}}


async def channel(scene: Scene, policy: int = 1) -> str:
    made = await scene.providers.call("POST", "/apns/channels/make", {"bundle": BUNDLE, "policy": policy})
    return str(made["id"])


async def test_an_update_is_one_request_for_whoever_follows_the_channel(scene: Scene) -> None:
    match = await channel(scene)
    await scene.devices("apns", 3)
    report = await scene.run({"channel": match}, message=message(SCORE, expiration="deadline"))
    assert fates(report) == {"planned": 1, "delivered": 1}
    assert [one["platform"] for one in report["variants"]] == ["apns"]
    (asked,) = broadcasts(scene, match)
    assert (asked["path"], asked["status"]) == (f"/4/broadcasts/apps/{BUNDLE}", 200)
    sent = dict(asked["headers"])
    assert "apns-topic" not in sent
    assert (sent["apns-push-type"], sent["apns-priority"]) == ("liveactivity", "10")
    assert int(sent["apns-expiration"]) > datetime.now(UTC).timestamp()
    assert json.loads(asked["body"]) == {"aps": SCORE}


async def test_a_channel_that_stores_nothing_takes_what_is_not_to_be_stored(scene: Scene) -> None:
    match = await channel(scene, policy=0)
    end = {**SCORE, "event": "end"}
    assert fates(await scene.run({"channel": match, "platforms": ["apns"]}, message=message(end))) == {
        "planned": 1, "delivered": 1,
    }  # fmt: skip
    stored = await scene.run({"channel": match}, message=message(expiration="deadline"))
    assert stored["total"]["reasons"]["rejected"] == {"BadExpirationDate": 1}


async def test_an_answer_that_was_no_final_one_is_asked_again(scene: Scene) -> None:
    match = await channel(scene)
    async with scene.providers.knobs("apns", faults=[{"reason": "ServiceUnavailable", "share": 1}]):
        send = await scene.send({"channel": match}, message=message(), ttl=3600)
        await until(lambda: broadcasts(scene, match))
    assert fates(await scene.finished(send)) == {"planned": 1, "delivered": 1}
    *before, last = [one["status"] for one in broadcasts(scene, match)]
    assert set(before) == {503}
    assert last == 200


async def test_a_channel_that_is_none_is_told_by_apple_and_blames_nobody(scene: Scene) -> None:
    devices = await scene.devices("apns", 2)
    gone = "A" * 22 + "=="
    report = await scene.run({"channel": gone}, message=message())
    assert report["total"]["reasons"]["rejected"] == {"ChannelNotRegistered": 1}
    assert fates(await scene.run({"everyone": True})) == {"planned": 2, "delivered": 2}
    assert scene.accepted(devices) == {1: 2}


@pytest.mark.parametrize(
    ("audience", "said"),
    [
        ({"channel": "AAAA"}, {"title": "Ding"}),
        ({"channel": "AAAA"}, message({**SCORE, "event": "start"})),
        ({"channel": "AAAA"}, message(SCORE, topic=BUNDLE)),
        ({"channel": "AAAA"}, message(SCORE, collapse_id="a")),
        ({"channel": "AAAA"}, message({**SCORE, "content-state": {"t": "x" * 5200}})),
        ({"channel": "AAAA", "platforms": ["fcm"]}, message()),
        ({"channel": "AAAA", "topic": "news"}, message()),
        ({"channel": "no base64!"}, message()),
        ({"channel": "AAAA"}, {**message(), "template": True}),
    ],
)
async def test_what_no_channel_takes_is_refused_at_the_door(scene: Scene, audience: Json, said: Json) -> None:
    assert await scene.refused(audience, message=said)


def broadcasts(scene: Scene, match: str) -> list[Json]:
    return [one for one in scene.providers.log("apns") if match in json.dumps(one)]
