"""Credentials that are exchanged while the processes run: taken up without a restart, and what was owed goes out."""

import asyncio

import pytest

from services.cli.rehearsal.keys import apple_key
from tests.integration.flow.providers import BUNDLE, Json
from tests.integration.flow.scene import Scene, fates, until

pytestmark = pytest.mark.anyio


async def rotate(scene: Scene) -> str:
    """A new key in Apple's portal and in the variant; its id."""
    key = await asyncio.to_thread(apple_key)
    trusted = {"key_id": key.key_id, "team_id": scene.team, "public_key": key.public_key}
    await scene.providers.call("POST", "/apns/keys", trusted)
    settings = {
        "environment": "production", "topic": BUNDLE, "key": key.p8, "key_id": key.key_id, "team_id": scene.team,
    }  # fmt: skip
    path = f"/v1/apps/{scene.app}/variants/{scene.variants['apns']}"
    answer = await scene.call("PUT", path, {"settings": settings}, scene.fleet.admin_key)
    assert answer.is_success, answer.text
    return key.key_id


def keys_of(asked: list[Json]) -> list[str]:
    return [one["auth"]["kid"] for one in asked]


async def test_a_rotated_key_is_taken_up_within_seconds_and_nothing_is_lost_in_between(scene: Scene) -> None:
    (dev,) = await scene.devices("apns")
    assert fates(await scene.run()) == {"planned": 1, "delivered": 1}
    (old,) = keys_of(scene.asked([dev]))
    new = await rotate(scene)

    async def signed_with_the_new_key() -> bool:
        assert fates(await scene.run()) == {"planned": 1, "delivered": 1}
        return keys_of(scene.asked([dev]))[-1] == new

    await until(signed_with_the_new_key)
    assert set(keys_of(scene.asked([dev]))) == {old, new}


async def test_what_a_revoked_key_could_not_send_goes_out_once_the_new_one_is_there(scene: Scene) -> None:
    devices = await scene.devices("apns", 3)
    assert fates(await scene.run({"devices": [devices[0].id]})) == {"planned": 1, "delivered": 1}
    (old,) = set(keys_of(scene.asked(devices)))
    await scene.providers.call("DELETE", f"/apns/keys/{old}")
    send = await scene.send(ttl=120)
    await until(lambda: any(one["status"] == 403 for one in scene.asked(devices)))
    new = await rotate(scene)
    assert fates(await scene.finished(send)) == {"planned": 3, "delivered": 3}
    accepted = [one for one in scene.asked(devices) if one["status"] == 200]
    assert sorted(keys_of(accepted)) == sorted([old, *[new] * 3])
