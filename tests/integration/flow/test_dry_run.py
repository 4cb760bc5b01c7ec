"""A dry run goes through everything and reaches nobody: providers that can check a message check it."""

import json

import pytest

from tests.integration.flow.backend import Backend
from tests.integration.flow.scene import BY_BOTH_DOORS, Scene, fates, until

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]


async def test_it_is_counted_and_says_so_and_no_device_hears_of_it(scene: Scene, backend: Backend) -> None:
    events = await backend.feedback(scene.app)
    apple = await scene.crowd("apns", 30)
    google = await scene.crowd("fcm", 30)
    dead = await scene.crowd("fcm", 2, known={"state": "unregistered"})
    run = await scene.send(dry_run=True)
    report = await scene.finished(run)
    assert fates(report) == {"planned": 62, "delivered": 60, "unregistered": 2}
    assert report["dry_run"] is True
    assert (await scene.status(run))["dry_run"] is True
    assert scene.asked(apple) == []
    asked = scene.asked([*google, *dead])
    assert {json.loads(one["body"])["validate_only"] for one in asked} == {True}
    assert {one["validate_only"] for one in asked if one["status"] == 200} == {True}
    await until(lambda: any(one["kind"] == "send" for one in events))
    assert {one["report"]["dry_run"] for one in events if one["kind"] == "send"} == {True}
    assert {one["dry_run"] for one in events if one["kind"] == "chunk"} == {True}
    real = await scene.run(message={"title": "Ding"})
    assert fates(real) == {"planned": 62, "delivered": 60, "unregistered": 2}, "the dry run retired nobody"
    assert real["dry_run"] is False


async def test_a_small_one_renders_each_recipients_message(scene: Scene) -> None:
    named = {"attributes": {"name": "Ann"}}
    (ann,) = await scene.devices("fcm", 1, user="ann", **named)
    (amy,) = await scene.devices("apns", 1, user="amy", **named)
    (bob,) = await scene.devices("apns", 1, user="bob")
    message = {"template": True, "title": "Hi {{ device.attributes.name }}"}
    report = await scene.run({"users": ["ann", "amy", "bob"]}, message=message, dry_run=True)
    assert fates(report) == {"planned": 3, "delivered": 2, "failed": 1}
    assert report["dry_run"] is True
    (asked,) = scene.asked([ann, amy, bob])
    assert json.loads(asked["body"])["message"]["notification"] == {"title": "Hi Ann"}


async def test_with_all_receipts_each_device_has_one_though_nobody_was_asked(scene: Scene) -> None:
    devices = [*await scene.devices("apns", 2, user="kim"), *await scene.devices("fcm", 2, user="kim")]
    caps = {"caps": {"ads": {"most": 5, "per": 3600}}}
    assert (await scene.call("PUT", f"/v1/apps/{scene.app}/rules", caps, scene.fleet.admin_key)).is_success
    for category in ({}, {"category": "ads"}):
        send = await scene.send({"users": ["kim"]}, dry_run=True, receipts="all", **category)
        assert fates(await scene.finished(send)) == {"planned": 4, "delivered": 4}
        page = (await scene.call("GET", f"/v1/sends/{send}/receipts")).json()
        assert {one["device"]: one["outcome"] for one in page["receipts"]} == {one.id: "delivered" for one in devices}
        told = (await scene.call("GET", f"/v1/sends/{send}/devices/{devices[0].id}")).json()
        assert (page["dry_run"], told["dry_run"], told["outcome"]) == (True, True, "delivered")


async def test_what_expired_before_it_was_looked_at_is_a_dry_run_too(scene: Scene) -> None:
    await scene.crowd("fcm", 3)
    report = await scene.finished(await scene.send(ttl=0.001, dry_run=True), 60)
    assert fates(report) == {"planned": 3, "expired": 3}
    assert report["dry_run"] is True
