"""Every kind of event arrives at a real receiver, signed, and the events of one send in their order."""

import asyncio
from datetime import timedelta

import pytest

from services.cli.rehearsal.keys import apple_key
from tests.integration.flow.providers import Json, new_token
from tests.integration.flow.scene import Scene, until, utc
from tests.integration.flow.test_parked import Sick, settings
from tests.integration.reporter.hooks import Receiver, receiving

pytestmark = pytest.mark.anyio
KINDS = ["send.finished", "send.paused", "send.failing", "device.retired", "credential.problem", "anomaly"]
REFUSED = {"script": [{"status": 400, "reason": "INVALID_ARGUMENT", "times": 2}]}


def told(receiver: Receiver, kind: str, **about: object) -> list[Json]:
    """The events of this kind, once each however often they were told."""
    found = {headers["webhook-id"]: one for (headers, _), one in zip(receiver.heard, receiver.told, strict=True)}
    return [one for one in found.values() if one["type"] == kind and about.items() <= one["data"].items()]


async def webhook(scene: Scene, receiver: Receiver) -> str:
    made = await scene.call("POST", "/v1/webhooks", {"url": receiver.url, "events": KINDS})
    assert made.is_success, made.text
    return str(made.json()["secret"])


async def order(scene: Scene, send: str, what: str) -> None:
    answer = await scene.call("POST", f"/v1/sends/{send}:{what}")
    assert answer.is_success, answer.text


async def test_a_pause_is_told_by_whoever_ordered_it_and_events_of_a_send_are_numbered(scene: Scene) -> None:
    async with receiving() as receiver:
        secret = await webhook(scene, receiver)
        await scene.crowd("fcm", 150, known=REFUSED, user="many")
        later = await scene.send(send_at=(utc() + timedelta(days=1)).isoformat())
        await order(scene, later, "pause")
        await order(scene, later, "resume")
        await until(lambda: told(receiver, "send.paused", send=later, why="ordered"))
        canary = await scene.send(canary={"number": 40, "wait": 1, "most_failed": 0.1})
        await until(lambda: told(receiver, "send.paused", send=canary, why="canary"))
        await order(scene, canary, "resume")
        await until(lambda: told(receiver, "send.finished", send=canary))
        await order(scene, later, "cancel")
        await until(lambda: told(receiver, "send.finished", send=later))
        small = await scene.send({"users": ["many"]})
        await until(lambda: told(receiver, "send.finished", send=small))
    wanted = {canary: ["paused", "failing", "finished"], later: ["paused", "finished"], small: ["failing", "finished"]}
    for send, kinds in wanted.items():
        events = [one for kind in KINDS for one in told(receiver, kind, send=send)]
        in_order = sorted(events, key=lambda one: int(one["sequence"]))
        assert [one["type"].removeprefix("send.") for one in in_order] == kinds
        assert [one["sequence"] for one in in_order] == list(range(1, len(kinds) + 1))
    assert all(receiver.verified(secret, n) for n in range(len(receiver.heard)))


async def test_dead_devices_bad_credentials_and_a_mix_up_are_told(scene: Scene) -> None:
    async with receiving() as receiver:
        await webhook(scene, receiver)
        (dead,) = await scene.devices("fcm", known={"state": "unregistered"})
        strangers = [new_token("apns") for _ in range(80)]
        await asyncio.gather(*(scene.register("apns", token) for token in strangers))
        key = await asyncio.to_thread(apple_key)
        body = {"platform": "apns", "name": "sick", "settings": settings(key)}
        made = await scene.call("POST", f"/v1/apps/{scene.app}/variants", body, scene.fleet.admin_key)
        sick = Sick(scene, key, made.json()["id"])
        await sick.devices(5)
        await scene.send()
        await until(lambda: told(receiver, "device.retired", variant=scene.variants["fcm"]))
        await until(lambda: told(receiver, "anomaly", variant=scene.variants["apns"]))
        await until(lambda: told(receiver, "credential.problem", variant=sick.id))
    (retired,) = told(receiver, "device.retired", variant=scene.variants["fcm"])
    assert [(one["device"], one["reason"]) for one in retired["data"]["devices"]] == [(dead.id, "UNREGISTERED")]
    assert told(receiver, "credential.problem")[0]["data"]["reason"] == "InvalidProviderToken"
    assert told(receiver, "anomaly")[0]["data"]["suspects"] >= 50
