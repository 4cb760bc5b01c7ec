"""Tokens are removed on evidence only, in the running whole: a mixed-up environment costs no device."""

import asyncio
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from services.cli.__main__ import build
from tests.integration.flow.providers import Json, new_token
from tests.integration.flow.scene import Scene, fates, until, utc

pytestmark = pytest.mark.anyio


async def hygiene(scene: Scene) -> Json:
    answer = await scene.call("GET", f"/v1/apps/{scene.app}/hygiene")
    assert answer.is_success, answer.text
    found: Json = answer.json()
    return found


async def test_a_mixed_up_environment_trips_the_gate_and_costs_no_device(scene: Scene) -> None:
    await scene.crowd("apns", 20)
    strangers = [new_token("apns") for _ in range(80)]
    await asyncio.gather(*(scene.register("apns", token) for token in strangers))
    assert fates(await scene.run()) == {"planned": 100, "delivered": 20, "rejected": 80}

    async def tripped() -> bool:
        return [one["decision"] for one in (await hygiene(scene))["decisions"]] == ["tripped"]

    await until(tripped)
    await until(lambda: no_marks(scene))
    assert (await scene.run())["total"]["planned"] == 100


async def test_a_few_wrong_tokens_wait_in_quarantine_and_what_was_removed_can_be_had_back(scene: Scene) -> None:
    await scene.devices("apns", 3)
    (dead,) = await scene.devices("fcm", 1, known={"state": "unregistered"})
    await scene.register("apns", new_token("apns"))
    assert fates(await scene.run()) == {"planned": 5, "delivered": 3, "rejected": 1, "unregistered": 1}
    expected = {("quarantined", "BadDeviceToken", 1), ("retired", "UNREGISTERED", 1)}

    async def marked() -> bool:
        marks = (await hygiene(scene))["marks"]
        return {(one["mark"], one["reason"], one["devices"]) for one in marks} == expected

    await until(marked)
    start, end = (f"{utc() + timedelta(minutes=by):%Y-%m-%dT%H:%M:%S}" for by in (-5, 5))
    command = ["devices", "restore", start, end, "--url", scene.fleet.api, "--secret", scene.app_secret]
    done = await asyncio.to_thread(CliRunner().invoke, build(), command)
    assert "1 restored, 1 released" in done.output, done.output
    assert (await hygiene(scene))["marks"] == []
    found = await scene.store.devices.get(scene.app, bytes.fromhex(dead.id))
    assert found is not None
    assert "retired" not in found


async def no_marks(scene: Scene) -> bool:
    return not (await hygiene(scene))["marks"]
