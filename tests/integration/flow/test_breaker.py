"""A provider that is in trouble is left alone until it is well: few requests, no attempt burnt, nothing lost (S10)."""

import asyncio

import pytest

from tests.integration.flow.scene import Scene, fates, until

pytestmark = pytest.mark.anyio
MANY = 600
CHUNK, AT_ONCE = 20, 8
TROUBLE = {"share": 1, "status": 503, "reason": "UNAVAILABLE"}


async def test_a_provider_in_trouble_is_tried_now_and_then_and_the_rest_waits_unharmed(scene: Scene) -> None:
    devices = await scene.crowd("fcm", MANY)
    async with scene.providers.knobs("fcm", faults=[TROUBLE]):
        send = await scene.send()
        await until(lambda: len(scene.asked(devices)) >= CHUNK)
        await asyncio.sleep(4)
        asked = len(scene.asked(devices))
        assert (await scene.status(send))["state"] != "finished"
    report = await scene.finished(send, 60)
    assert fates(report) == {"planned": MANY, "delivered": MANY}
    assert scene.accepted(devices) == {1: MANY}
    assert asked <= 3 * AT_ONCE * CHUNK  # what was under way when it opened, and what it owed again
