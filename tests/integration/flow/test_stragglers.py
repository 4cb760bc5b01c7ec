"""A chunk is recorded without the few answers that are late; what becomes of those is recorded when they come."""

import pytest

from tests.integration.flow.scene import Scene, fates, until

pytestmark = pytest.mark.anyio
LATE = 12
"""Seconds; a chunk goes on after two."""


async def test_late_answers_hold_up_neither_their_chunks_nor_the_books(scene: Scene) -> None:
    apple, google = await scene.crowd("apns", 100), await scene.crowd("fcm", 100)
    devices = [*apple, *google]
    gone = {"after": LATE, "status": 410, "reason": "Unregistered", "timestamp": 4102444800000}
    await scene.providers.script("apns", apple[0].token, gone)
    await scene.providers.script("fcm", google[0].token, {"after": LATE})
    send = await scene.send(ttl=3600)

    async def all_but_these() -> bool:
        report = (await scene.status(send))["report"]
        return bool(report["total"]["delivered"] == 198 and report["total"]["open"] == 2)

    await until(all_but_these, LATE + 14)
    assert fates(await scene.finished(send, within=30)) == {"planned": 200, "delivered": 199, "unregistered": 1}
    assert scene.accepted(devices) == {1: 199, 0: 1}
    assert len(scene.asked(devices)) == 200, "nothing was asked twice"


async def test_what_must_never_repeat_is_waited_for(scene: Scene) -> None:
    devices = await scene.crowd("apns", 20)
    await scene.providers.script("apns", devices[3].token, {"after": LATE / 4})
    report = await scene.run(duplicates="never", ttl=3600)
    assert fates(report) == {"planned": 20, "delivered": 20}
    assert scene.accepted(devices) == {1: 20}
