"""What comes twice counts once; what cannot be worked is closed and holds up nothing else."""

import asyncio
import json
import secrets

import pytest

from shared.bus.topology import RESULTS, results_queue
from shared.flow.identity import shard_of
from shared.flow.lane import Lane
from shared.store.look_ups import token_key
from tests.integration.flow.backend import Backend
from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Scene, fates, until, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
BUSY = {"status": 429, "reason": "QUOTA_EXCEEDED", "message": "Device message rate exceeded.", "retry_after": "30"}


async def test_replaying_every_result_twice_changes_no_report(scene: Scene, backend: Backend) -> None:
    heard: list[tuple[str, bytes]] = []
    queue = await backend.channel.declare_queue(exclusive=True)
    await queue.bind(RESULTS, f"*.{scene.app}")

    async def keep(message: object) -> None:
        heard.append((message.routing_key, message.body))  # type: ignore[attr-defined]  # an incoming message

    await queue.consume(keep, no_ack=True)
    devices = await scene.crowd("fcm", 60)
    await scene.devices("fcm", 2, known={"state": "unregistered"})
    await scene.devices("fcm", 1, user="ida")
    for dev in devices[:3]:
        await scene.providers.script("fcm", dev.token, BUSY)
    large, small = await scene.send(), await scene.send({"users": ["ida"]})
    before = [await scene.finished(send) for send in (large, small)]
    assert fates(before[0]) == {"planned": 63, "delivered": 61, "unregistered": 2}
    await until(lambda: scene.store.reports.is_told(scene.key(large)))
    registry = await everything(scene, "devices")
    records = await everything(scene, "records")
    assert len(heard) >= 3
    for key, body in heard * 2:
        await backend.put(results_queue(Lane(key.split(".")[0])), body)
    await asyncio.sleep(1)
    assert [await scene.finished(send) for send in (large, small)] == before
    assert await everything(scene, "devices") == registry
    assert await everything(scene, "records") == records


async def test_a_chunk_that_cannot_be_worked_is_closed_as_poison_and_the_others_are_delivered(
    scene: Scene, backend: Backend
) -> None:
    devices = await scene.crowd("fcm", 80)
    broken = await broken_device(scene)
    await backend.dead_letters()
    send = await scene.send()
    report = await scene.finished(send)
    failed = report["total"]["failed"]
    assert report["total"]["reasons"] == {"failed": {"poison": failed}}
    assert 1 <= failed < 60
    assert fates(report) == {"planned": 81, "delivered": 81 - failed, "failed": failed}
    parts = await scene.store.records.parts(await scene.store.records.recorded_members(scene.key(send)))
    (poisoned,) = [part for part in parts.values() if any(count.reason == "poison" for count in part.counts)]
    assert broken in {one.device for one in poisoned.undelivered}
    assert set(scene.accepted(devices)) <= {0, 1}
    (headers, body), *_ = await backend.drain("dead-letters", at_least=1)
    assert (headers["reason"], headers["send"]) == ("poison", scene.key(send))
    assert json.loads(body)["slices"][0]["chunks"] == [int(poisoned.member.rsplit("/", 1)[1])]


async def test_one_poisonous_send_of_a_bundle_takes_no_other_with_it(scene: Scene) -> None:
    await scene.devices("fcm", 1, user="fine")
    await broken_device(scene, user="broken")
    users = ["fine"] * 10 + ["broken"] + ["fine"] * 10
    sends = await asyncio.gather(*(scene.send({"users": [user]}) for user in users))
    reports = await asyncio.gather(*map(scene.finished, sends))
    assert [fates(one) for one in reports] == [
        {"planned": 1, "failed": 1} if user == "broken" else {"planned": 1, "delivered": 1} for user in users
    ]


async def test_a_variant_that_was_deleted_meanwhile_rejects_what_was_planned_for_it(scene: Scene) -> None:
    (dev,) = await scene.devices("fcm")
    await scene.providers.script("fcm", dev.token, BUSY)
    send = await scene.send()
    await until(lambda: scene.asked([dev]))
    admin = scene.fleet.admin_key
    gone = await scene.call("DELETE", f"/v1/apps/{scene.app}/variants/{scene.variants['fcm']}", key=admin)
    assert gone.is_success
    report = await scene.finished(send)
    assert report["total"]["planned"] == report["total"]["suppressed"] + report["total"]["rejected"] == 1


async def test_a_retry_that_would_come_past_the_deadline_expires_at_once(scene: Scene) -> None:
    (dev,) = await scene.devices("fcm")
    await scene.providers.script("fcm", dev.token, {**BUSY, "retry_after": "36000"})
    report = await scene.run(ttl=300)
    assert fates(report) == {"planned": 1, "expired": 1}
    assert report["total"]["reasons"] == {"expired": {"QUOTA_EXCEEDED:device": 1}}
    assert len(scene.asked([dev])) == 1


async def broken_device(scene: Scene, user: str | None = None) -> bytes:
    """One whose token is no text, as no registration could make it."""
    id_ = secrets.token_bytes(12)
    document: Json = {
        "_id": id_, "app": scene.app, "variant": scene.variants["fcm"], "platform": "fcm", "token": 7,
        "token_key": token_key(scene.variants["fcm"], id_.hex()), "shard": shard_of(id_), "facets": [],
        "first_seen": utc(), "registered_at": utc(), "live": True,
    }  # fmt: skip
    await scene.store.database["devices"].insert_one(document | ({"user": user} if user else {}))
    return id_


async def everything(scene: Scene, collection: str) -> list[Json]:
    of_app: Json = {"app": scene.app} if collection == "devices" else {"parts.app": scene.app}
    return await scene.store.database[collection].find(of_app).sort("_id", 1).to_list(None)
