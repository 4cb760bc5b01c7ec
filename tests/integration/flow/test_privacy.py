"""A user is exported whole; and erased so that neither store nor broker nor any log has a trace, asked byte by byte."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from bson import encode

from services.cli.local.servers import Broker
from services.cli.rehearsal.keys import apple_key
from shared.flow.receipt import b64
from tests.integration.flow.backend import Backend, signed
from tests.integration.flow.providers import BUNDLE, Json, new_token
from tests.integration.flow.scene import Dev, Scene, until, utc

pytestmark = pytest.mark.anyio
HERS, HIS = "ada-b3f1c7d9e5", "bob-0a8d6c4e2f"
"""Users; neither name is anywhere by chance."""


async def exported(scene: Scene, user: str) -> list[Json]:
    answer = await scene.call("GET", f"/v1/users/{user}/export")
    assert answer.is_success, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def parked_variant(scene: Scene) -> None:
    """A variant whose sends wait on the bus: Apple does not know its key."""
    key = await asyncio.to_thread(apple_key)
    settings = {"environment": "production", "topic": BUNDLE, "key": key.p8, "key_id": key.key_id, "team_id": "T" * 10}
    body = {"platform": "apns", "name": "parked", "settings": settings}
    answer = await scene.call("POST", f"/v1/apps/{scene.app}/variants", body, scene.fleet.admin_key)
    assert answer.is_success, answer.text
    scene.variants["parked"] = answer.json()["id"]


async def past(scene: Scene, user: str) -> tuple[list[Dev], dict[str, str]]:
    """A user's devices, and sends of every kind that name the user, are owed, or were refused."""
    alive = await scene.devices("apns", user=user, tags=["news"], attributes={"plan": "gold"})
    dead = await scene.devices("fcm", user=user, known={"state": "unregistered"})
    waiting = [Dev(await scene.register("parked", new_token("apns"), user=user), "apns", "")]
    others = [f"{user}-{n}" for n in range(20)]
    said: Json = {"title": "{{ values.seat|default('none') }}", "template": True}
    well = {"variants": [scene.variants["apns"], scene.variants["fcm"]]}
    later, both = (utc() + timedelta(days=30)).isoformat(), [one.id for one in (*alive, *dead)]
    sends = {
        "alone": await scene.send({"users": [user]}, receipts="all", interactions=True),
        "device": await scene.send({"devices": [alive[0].id]}),
        "token": await scene.send({"tokens": {scene.variants["apns"]: [alive[0].token]}}),
        "list": await scene.send(
            {"users": [user, *others], **well}, receipts="all", values={user: {"seat": "3L"}}, message=said
        ),
        "devices": await scene.send({"devices": both + [f"{n:024x}" for n in range(12)], **well}),
        "all": await scene.send(well, receipts="all"),
        "left out": await scene.send({"variants": [scene.variants["apns"]], "exclude": {"users": [user]}}),
        "later": await scene.send({"users": [user]}, send_at=later),
    }
    for name in sends.keys() - {"later", "alone"}:
        await scene.finished(sends[name])
    body = {"interactions": [{"send": sends["alone"], "device": alive[0].id, "kind": "opened"}]}
    await until(lambda: told(scene, body))
    return [*alive, *dead, *waiting], sends


async def told(scene: Scene, body: Json) -> bool:
    answer = await scene.call("POST", "/v1/interactions", body, scene.client_secret)
    return bool(answer.json()["recorded"])


async def refused(scene: Scene, backend: Backend, user: str) -> None:
    """What ends among the dead letters, and a rejected send whose problem has the name in its pointer."""
    command = {
        "v": 1,
        "app": scene.app,
        "id": f"refused-{user[:3]}",
        "message": {"title": "x"},
        "audience": {"users": [user]},
    }
    await backend.publish(json.dumps(command).encode(), signature="not right")
    await backend.publish(json.dumps({"v": 1, "commands": [{**command, "app": scene.app}, 7]}).encode())
    await backend.publish(f'{{"users": ["{user}"'.encode())
    wrong = {**command, "values": {user: {"seat": {"not": "allowed"}}}}
    await backend.publish(json.dumps(wrong).encode(), signature=signed(scene, json.dumps(wrong).encode()))

    async def rejected() -> bool:
        found = await scene.call("GET", f"/v1/sends/refused-{user[:3]}")
        return found.is_success and user in found.text

    await until(rejected)


async def letters(scene: Scene, broker: Broker) -> list[str]:
    """Every message that can be had from the queues that hold something, with the queue, and unharmed."""
    found: list[str] = []
    async with await aio_pika.connect(scene.fleet.site.amqp_url) as connection:
        channel = await connection.channel()
        for queue in await asyncio.to_thread(queues, scene, broker):
            source = await channel.get_queue(queue, ensure=False)
            while (message := await source.get(fail=False)) is not None:  # unsettled: closing gives all of them back
                found.append(f"{queue} {message.body!r} {message.headers}")
    return found


def queues(scene: Scene, broker: Broker) -> list[str]:
    vhost = scene.fleet.site.amqp_url.rpartition("/")[2]
    lines = broker.ctl("list_queues", "--vhost", vhost, "name", "messages").splitlines()
    return [line.split()[0] for line in lines if line.split()[-1].isdigit() and int(line.split()[-1])]


async def stored(scene: Scene) -> bytes:
    """Everything in every collection, as it is stored."""
    found = b""
    for name in await scene.store.database.list_collection_names():
        if not name.startswith("system."):
            found += b"".join([encode(one) async for one in scene.store.database[name].find()])
    return found


async def logged(scene: Scene, broker: Broker) -> bytes:
    """What the services, the broker and the store wrote; where the servers' own logs are, they say themselves."""
    files = [*(scene.fleet.site.folder / "log").glob("[!s]*")]  # not the simulator's: a provider knows its tokens
    said = await asyncio.to_thread(broker.ctl, "eval", "rabbit:log_locations().")
    files += map(Path, re.findall(r"/[^'\",\s\]]+", said))
    admin = scene.store.database.client.admin
    lines: dict[str, Any] = await admin.command("getLog", "global")
    return b"".join(file.read_bytes() for file in files if file.is_file()) + "\n".join(lines["log"]).encode()


async def erase(scene: Scene, user: str) -> Json:
    asked = await scene.call("DELETE", f"/v1/users/{user}")
    assert asked.status_code == 202, asked.text
    found: Json = {}

    async def done() -> bool:
        nonlocal found
        found = (await scene.call("GET", asked.headers["location"])).json()
        return bool(found["state"] == "done")

    await until(done)
    return found


async def test_an_erased_user_is_nowhere_and_nobody_else_lost_anything(
    scene: Scene, backend: Backend, broker: Broker
) -> None:
    await parked_variant(scene)
    hers, sends = await past(scene, HERS)
    his, _ = await past(scene, HIS)
    for user in (HERS, HIS):
        await refused(scene, backend, user)
    segment = {"name": "two", "filter": {"field": "user", "in": [HERS, HIS]}}
    assert (await scene.call("POST", "/v1/segments", segment)).is_success
    waiting: list[str] = []

    async def all_wait() -> bool:
        nonlocal waiting
        waiting = await letters(scene, broker)
        held = any(one.startswith("wait.slices") for one in waiting)
        return held and all(sum(user in one for one in waiting) == 3 for user in (HERS, HIS))

    await until(all_wait)
    assert HERS.encode() in await stored(scene)
    ended = {
        name: (await scene.status(send))["report"] for name, send in sends.items() if name not in {"later", "alone"}
    }
    history = (await exported(scene, HIS))[-1]

    assert (await erase(scene, HERS))["devices"] == len(hers)

    after, waiting, log = await stored(scene), await letters(scene, broker), await logged(scene, broker)
    tokens = [one.token for one in hers if one.token]
    names = [f"{HERS}{end}" for end in ("'", '"', "\\", "\0", "/")] + tokens + [one.id for one in hers]
    names += [b64(bytes.fromhex(one.id)) for one in hers]
    for place, seen in (("store", after), ("queues", "\n".join(waiting).encode()), ("logs", log)):
        assert [one for one in names if one.encode() in seen] == [], place
    assert not any(bytes.fromhex(one.id) in after for one in hers)
    assert HERS.encode() not in log
    assert sum(HIS in one for one in waiting) == 3, "his letters still lie there"
    assert all(bytes.fromhex(one.id) in after for one in his)
    assert f"{HERS}-7".encode() in after, "who is only called alike"
    assert {name: (await scene.status(sends[name]))["report"] for name in ended} == ended, "every count stays"
    assert (await exported(scene, HIS))[-1] == history
    assert await exported(scene, HERS) == [{"kind": "end", "devices": 0, "sends": 0}]


async def test_an_export_has_every_device_and_send_of_a_user_and_nothing_of_others(scene: Scene) -> None:
    await parked_variant(scene)
    hers, sends = await past(scene, HERS)
    await past(scene, HIS)
    segment = {"name": "hers", "filter": {"not": {"field": "user", "eq": HERS}}}
    assert (await scene.call("POST", "/v1/segments", segment)).is_success
    found = await exported(scene, HERS)
    assert HIS not in json.dumps(found)
    assert found[-1] == {"kind": "end", "devices": 3, "sends": len([one for one in found if one["kind"] == "send"])}
    devices = {one["device"]["id"]: one["device"] for one in found if one["kind"] == "device"}
    assert devices.keys() == {one.id for one in hers}
    assert (devices[hers[0].id]["tags"], devices[hers[0].id]["attributes"]) == (["news"], {"plan": "gold"})
    assert devices[hers[0].id]["token"] == hers[0].token
    assert devices[hers[1].id]["retired"]["reason"] == "UNREGISTERED"
    assert [one["segment"] for one in found if one["kind"] == "segment"] == ["hers"]
    told_of = {one["send"]["send"]: one["send"] for one in found if one["kind"] == "send"}
    assert told_of.keys() >= set(sends.values())
    named = {name: told_of[send]["named"] for name, send in sends.items()}
    assert named == {
        "alone": ["users"], "device": ["devices"], "token": ["tokens"], "list": ["users"], "devices": ["devices"],
        "all": [], "left out": ["exclude"], "later": ["users"],
    }  # fmt: skip
    assert told_of[sends["list"]]["values"] == {"seat": "3L"}
    outcomes = {
        name: {one["device"]: one.get("outcome") for one in told_of[send]["notifications"]}
        for name, send in sends.items()
    }
    assert outcomes["all"][hers[0].id] == "delivered"
    assert "unregistered" in {outcome.get(hers[1].id) for outcome in outcomes.values()}
    assert outcomes["later"][hers[0].id] == "open"
    (opened,) = [one for one in told_of[sends["alone"]]["notifications"] if one["device"] == hers[0].id]
    assert [one["kind"] for one in opened["interactions"]] == ["opened"]


async def test_who_is_not_the_apps_backend_exports_nobody(scene: Scene) -> None:
    await scene.devices("apns", user=HERS)
    answer = await scene.call("GET", f"/v1/users/{HERS}/export", key=scene.client_secret)
    assert answer.status_code == 403
    made = await scene.call("POST", "/v1/apps", {"name": f"other-{scene.app}"}, scene.fleet.admin_key)
    foreign = await scene.call("GET", f"/v1/users/{HERS}/export", key=made.json()["app_secret"])
    assert [json.loads(line) for line in foreign.text.splitlines()] == [{"kind": "end", "devices": 0, "sends": 0}]
