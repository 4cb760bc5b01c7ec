"""Every documented field of gorush's and of the UnifiedPush Server's message, posted alone: what the device got."""

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.integration.flow.providers import BUNDLE, Json, entry, new_token
from tests.integration.flow.scene import Dev, Scene, until
from tests.unit.doors import test_aerogear as aerogear
from tests.unit.doors import test_gorush as gorush

pytestmark = pytest.mark.anyio
PUSH_ID = "aerogear-push-id"
NUMBERS = {"apns": 1, "fcm": 2}


async def pushed(scene: Scene, platform: str, cases: Sequence[Json]) -> list[Json]:
    """What came of each of these notifications of gorush's, by a token of its own."""
    tokens = [new_token(platform) for _ in cases]
    await scene.providers.know(platform, [entry(platform, token, scene.project, {}) for token in tokens])
    for said, token in zip(cases, tokens, strict=True):
        body = {"notifications": [{"tokens": [token], "platform": NUMBERS[platform], **said}]}
        answer = await scene.http.post("/api/push", json=body, auth=("gorush", scene.app_secret))
        assert answer.status_code == 200, (said, answer.text)
    return await got(scene, platform, tokens)


async def got(scene: Scene, platform: str, tokens: list[str]) -> list[Json]:
    """The one request for each token, in their order."""
    await until(lambda: len(scene.providers.asked(platform, tokens)) >= len(tokens))
    found = {one["token"]: one for one in scene.providers.asked(platform, tokens)}
    assert all(one["status"] == 200 for one in found.values())
    return [found[token] for token in tokens]


async def test_each_field_of_gorush_for_ios(scene: Scene) -> None:
    cases = [said for said, _ in gorush.IOS]
    for asked, (said, payload) in zip(await pushed(scene, "apns", cases), gorush.IOS, strict=True):
        assert json.loads(asked["body"]) == payload, said


async def test_each_field_of_gorush_that_becomes_a_header(scene: Scene) -> None:
    soon = int(time.time()) + 600
    cases: list[tuple[Json, tuple[str, str]]] = [
        ({"priority": "normal"}, ("apns-priority", "5")),
        ({"priority": "high"}, ("apns-priority", "10")),
        ({"push_type": "alert"}, ("apns-push-type", "alert")),
        ({"collapse_id": "c"}, ("apns-collapse-id", "c")),
        ({"expiration": soon}, ("apns-expiration", str(soon))),
        ({"topic": f"{BUNDLE}.complication", "push_type": "complication"}, ("apns-topic", f"{BUNDLE}.complication")),
    ]
    said = [{"message": "x", **one} for one, _ in cases]
    for asked, (one, (name, value)) in zip(await pushed(scene, "apns", said), cases, strict=True):
        assert dict(asked["headers"])[name] == value, one


async def test_each_field_of_gorush_for_android(scene: Scene) -> None:
    cases = [said for said, _, _ in gorush.ANDROID if "restricted_package_name" not in said]
    wanted = [(place, value) for said, place, value in gorush.ANDROID if "restricted_package_name" not in said]
    for asked, (place, value) in zip(await pushed(scene, "fcm", cases), wanted, strict=True):
        found: Any = json.loads(asked["body"])["message"]
        for part in place:
            found = found[part]
        assert found == value, place


async def told(scene: Scene, platform: str, cases: Sequence[Json]) -> list[tuple[Dev, Json]]:
    """What came of each of these messages to a device of its own, without the message's name."""
    devices = await scene.devices(platform, len(cases), user=f"{platform}{{}}")
    for said, dev in zip(cases, devices, strict=True):
        body = {"message": said, "criteria": {"alias": [dev.user]}}
        answer = await scene.http.post("/rest/sender", json=body, auth=(scene.app, scene.app_secret))
        assert answer.status_code == 202, (said, answer.text)
    asked = await got(scene, platform, [dev.token for dev in devices])
    return [(dev, json.loads(one["body"])) for dev, one in zip(devices, asked, strict=True)]


async def test_each_field_of_the_unified_push_server_for_apple_devices(scene: Scene) -> None:
    cases = [said for said, _, _ in aerogear.APPLE]
    for (dev, body), (said, aps, beside) in zip(await told(scene, "apns", cases), aerogear.APPLE, strict=True):
        assert body.pop(PUSH_ID).endswith(f".{dev.id}")
        assert body == {**beside, "aps": aps}, said


async def test_each_field_of_the_unified_push_server_for_android_devices(scene: Scene) -> None:
    cases = [said for said, _ in aerogear.ANDROID]
    for (dev, body), (said, data) in zip(await told(scene, "fcm", cases), aerogear.ANDROID, strict=True):
        message = body["message"]
        assert message["data"].pop(PUSH_ID).endswith(f".{dev.id}")
        assert message["data"] == data, said
        assert "notification" not in message | message["android"]
