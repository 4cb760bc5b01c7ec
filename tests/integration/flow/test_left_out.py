"""Very many are left out: of a send that replaces another, and of one to a few, whose stories stay true."""

from datetime import timedelta

import pytest

from tests.integration.flow.scene import BY_BOTH_DOORS, Scene, fates, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
STRANGERS = [f"nobody-at-all-{n:05}" for n in range(5000)]


async def test_a_scheduled_send_is_replaced_by_one_that_leaves_out_very_many(scene: Scene) -> None:
    ada, bob = [(await scene.devices("apns", 1, user=name))[0] for name in ("ada", "bob")]
    send = await scene.send(send_at=(utc() + timedelta(hours=1)).isoformat())
    other = {
        "audience": {"everyone": True, "exclude": {"users": [*STRANGERS, "bob"]}},
        "message": {"title": "Dong"}, "send_at": (utc() + timedelta(seconds=1)).isoformat(),
    }  # fmt: skip
    assert await scene.door.replace(send, other) == {"id": send, "state": "replaced"}
    assert fates(await scene.finished(send)) == {"planned": 2, "delivered": 1, "suppressed": 1}
    assert (scene.accepted([ada]), scene.accepted([bob])) == ({1: 1}, {0: 1})


async def test_the_story_of_a_send_to_a_few_that_leaves_out_many(scene: Scene) -> None:
    ada, bob, eve = [(await scene.devices("fcm", 1, user=name))[0] for name in ("ada", "bob", "eve")]
    audience = {"users": ["ada", "bob"], "exclude": {"users": [*STRANGERS[:20], "bob"]}}
    send = await scene.send(audience)
    assert fates(await scene.finished(send)) == {"planned": 2, "delivered": 1, "suppressed": 1}
    told = {}
    for device in (ada, bob, eve):
        answer = await scene.call("GET", f"/v1/sends/{send}/devices/{device.id}")
        assert answer.status_code == 200, answer.text
        told[device.user] = [answer.json()[name] for name in ("addressed", "outcome", "why")]
    assert told == {
        "ada": [True, "delivered", ""], "bob": [True, "suppressed", ""], "eve": [False, None, "not_named"],
    }  # fmt: skip
