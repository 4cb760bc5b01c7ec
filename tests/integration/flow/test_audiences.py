"""From an HTTP request to its report, for each kind of audience; who was told is read from the providers' own logs."""

import asyncio
from collections import Counter

import pytest

from tests.integration.flow.providers import Json, new_token
from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, fates

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]


async def reached(scene: Scene, everyone: list[Dev], expected: list[Dev], audience: Json) -> None:
    """The send reaches those expected, each once, and nobody else."""
    before = tokens_accepted(scene, everyone)
    report = await scene.run(audience)
    assert fates(report) == ({"planned": len(expected), "delivered": len(expected)} if expected else {})
    assert tokens_accepted(scene, everyone) - before == Counter(dev.token for dev in expected)


def tokens_accepted(scene: Scene, devices: list[Dev]) -> Counter[str]:
    return Counter(one["token"] for one in scene.asked(devices) if one["status"] == 200)


async def test_a_send_reaches_exactly_those_whom_its_audience_names(scene: Scene) -> None:
    red, blue, both = await asyncio.gather(
        scene.devices("apns", 3, tags=["red"], user="red-{}"),
        scene.devices("fcm", 3, tags=["blue"], user="blue-{}"),
        scene.devices("apns", 2, tags=["red", "blue"], user="both"),
    )
    plain = await scene.devices("fcm", 2)
    everyone = [*red, *blue, *both, *plain]
    on_apns = [dev for dev in everyone if dev.platform == "apns"]
    on_fcm = [dev for dev in everyone if dev.platform == "fcm"]
    await reached(scene, everyone, everyone, audience={"everyone": True})
    await reached(scene, everyone, on_apns, audience={"platforms": ["apns"]})
    await reached(scene, everyone, on_fcm, audience={"variants": [scene.variants["fcm"]]})
    await reached(scene, everyone, [*blue, *both, *red], audience={"tags": {"any": ["red", "blue"]}})
    await reached(scene, everyone, both, audience={"tags": {"all": ["red", "blue"]}})
    await reached(scene, everyone, [*blue, *plain], audience={"tags": {"none": ["red"]}})
    await reached(scene, everyone, red, audience={"tags": {"any": ["red"], "none": ["blue"]}})
    await reached(scene, everyone, [*both, red[0]], audience={"users": ["both", "red-0", "nobody"]})
    await reached(scene, everyone, [red[1], blue[1]], audience={"devices": [red[1].id, blue[1].id, "0" * 24]})
    await reached(scene, everyone, [red[0]], audience={"users": ["red-0", "blue-0"], "platforms": ["apns"]})
    await reached(scene, everyone, [], audience={"tags": {"any": ["green"]}})


async def test_raw_tokens_are_reached_though_nobody_registered_them(scene: Scene) -> None:
    tokens = {platform: [new_token(platform) for _ in range(2)] for platform in ("apns", "fcm")}
    await scene.providers.know("apns", [{"token": one, "bundle": "com.example.flow"} for one in tokens["apns"]])
    await scene.providers.know("fcm", [{"token": one, "project": scene.project} for one in tokens["fcm"][:1]])
    named = {scene.variants[platform]: some for platform, some in tokens.items()}
    report = await scene.run({"tokens": named})
    assert fates(report) == {"planned": 4, "delivered": 3, "unregistered": 1}
    assert scene.providers.accepted("apns", tokens["apns"]) == dict.fromkeys(tokens["apns"], 1)


async def test_more_named_recipients_than_fit_the_send_are_walked_in_many_chunks(scene: Scene) -> None:
    users = await scene.devices("apns", 50, user="u{}")
    await reached(scene, users, users[:45], audience={"users": [f"u{n}" for n in range(45)] + ["nobody"]})
    devices = [*users, *await scene.crowd("fcm", 560)]
    send = await scene.send({"devices": [dev.id for dev in devices]})
    report = await scene.finished(send)
    assert fates(report) == {"planned": 610, "delivered": 610}
    plan = await scene.store.plans.get(scene.key(send))
    assert plan is not None
    assert [len(route.chunks) for route in plan.routes] == [4, 4]
    assert report["chunks"] == report["chunks_recorded"] == 62
    raw = {scene.variants["apns"]: [dev.token for dev in users], scene.variants["fcm"]: [devices[-1].token]}
    assert fates(await scene.run({"tokens": raw})) == {"planned": 51, "delivered": 51}


async def test_a_broadcast_of_many_slices_reaches_every_device_once(scene: Scene) -> None:
    some, more = await asyncio.gather(scene.crowd("apns", 450), scene.crowd("fcm", 250))
    report = await scene.run()
    assert fates(report) == {"planned": 700, "delivered": 700}
    assert [one["planned"] for one in sorted(report["variants"], key=lambda one: one["platform"])] == [450, 250]
    assert scene.accepted([*some, *more]) == {1: 700}
    assert report["chunks"] > 30
