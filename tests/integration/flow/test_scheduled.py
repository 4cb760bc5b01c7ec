"""Sends for a later moment: they begin then, once; who was down catches up by rule; until then they may be changed."""

import asyncio
import secrets
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.flow.backend import Backend
from tests.integration.flow.providers import Json
from tests.integration.flow.scene import Dev, Scene, fates, until, utc

pytestmark = pytest.mark.anyio


def soon(seconds: float) -> str:
    return (utc() + timedelta(seconds=seconds)).isoformat()


def first_asked(scene: Scene, devices: list[Dev]) -> datetime:
    return min(datetime.fromisoformat(one["time"]) for one in scene.asked(devices))


async def send_by(door: str, scene: Scene, backend: Backend, **request: Any) -> str:
    if door == "http":
        return await scene.send(**request)
    send = f"scheduled-{secrets.token_hex(6)}"
    body: Json = {"message": {"title": "Ding"}, "audience": {"everyone": True}, **request}
    assert (await backend.command(scene, {"id": send, **body}))["state"] == "accepted"
    return send


@pytest.mark.parametrize(("door", "audience"), [("http", {"users": ["kim"]}), ("amqp", {"everyone": True})])
async def test_a_send_begins_at_its_moment_and_never_before(
    scene: Scene, backend: Backend, door: str, audience: Json
) -> None:
    devices = await scene.devices("apns", 3, user="kim")
    moment = utc() + timedelta(seconds=4)
    send = await send_by(door, scene, backend, audience=audience, send_at=moment.isoformat())
    shown = await scene.status(send)
    assert shown["state"] == "scheduled"
    assert abs(datetime.fromisoformat(shown["begins_at"]) - moment) < timedelta(milliseconds=2)
    assert fates(await scene.finished(send, 30)) == {"planned": 3, "delivered": 3}
    assert first_asked(scene, devices) >= moment - timedelta(milliseconds=50)
    assert scene.accepted(devices) == {1: 3}


@pytest.mark.parametrize(("door", "audience"), [("http", {"everyone": True}), ("amqp", {"users": ["lea"]})])
async def test_a_scheduled_send_is_replaced_and_called_off(
    scene: Scene, backend: Backend, door: str, audience: Json
) -> None:
    devices = await scene.devices("apns", 2, user="lea")
    send = await send_by(door, scene, backend, audience=audience, send_at=soon(3600))
    other: Json = {"audience": {"devices": [devices[0].id]}, "message": {"title": "Dong"}, "send_at": soon(3)}
    if door == "http":
        answer = await scene.call("PUT", f"/v1/sends/{send}", other)
        assert answer.status_code == 200, answer.text
    else:
        assert (await backend.command(scene, {"id": send, "do": "replace", **other}))["state"] == "replaced"
    assert fates(await scene.finished(send, 30)) == {"planned": 1, "delivered": 1}
    assert scene.accepted(devices) == {1: 1, 0: 1}
    refused = await scene.call("PUT", f"/v1/sends/{send}", other)
    assert refused.status_code == 409
    later = await send_by(door, scene, backend, audience=audience, send_at=soon(7200), ttl=60)
    assert (await scene.call("POST", f"/v1/sends/{later}:cancel")).status_code == 200
    assert fates(await scene.finished(later, 30)) == {"planned": 2, "cancelled": 2}
    assert (await scene.call("PUT", f"/v1/sends/{later}", other)).status_code == 409


async def test_a_list_of_many_is_replaced_by_another_list(scene: Scene) -> None:
    devices = await scene.crowd("apns", 40)
    ids = [one.id for one in devices]
    send = await scene.send({"devices": ids[:20]}, send_at=soon(3600))
    body: Json = {"audience": {"devices": ids[15:]}, "message": {"title": "Dong"}, "send_at": soon(1)}
    assert (await scene.call("PUT", f"/v1/sends/{send}", body)).status_code == 200
    assert fates(await scene.finished(send, 30)) == {"planned": 25, "delivered": 25}
    assert scene.accepted(devices[15:]) == {1: 25}
    assert scene.accepted(devices[:15]) == {0: 15}


async def test_a_moment_and_an_expiry_that_cannot_be_kept_are_refused(scene: Scene) -> None:
    refused: list[dict[str, Any]] = [
        {"send_at": soon(-7200)},
        {"expires_at": soon(-1)},
        {"send_at": soon(60), "expires_at": soon(30)},
    ]
    for wrong in refused:
        await scene.send(status=422, **wrong)


async def test_nothing_is_delivered_after_the_absolute_expiry(scene: Scene) -> None:
    (device,) = await scene.devices("fcm", 1, user="mia")
    await scene.providers.script("fcm", device.token, {"status": 503, "reason": "UNAVAILABLE", "retry_after": "36000"})
    send = await scene.send({"users": ["mia"]}, expires_at=soon(120))
    assert fates(await scene.finished(send, 30)) == {"planned": 1, "expired": 1}


async def test_planners_that_were_down_begin_what_is_fresh_and_let_the_stale_expire(frail: Scene) -> None:
    """Nothing piles up: however many moments passed, what is later than its sender tolerates is not sent at all."""
    devices = await frail.devices("apns", 2, user="nia")
    both: list[Json] = [{"users": ["nia"]}, {"everyone": True}]
    stale = [await frail.send(audience, send_at=soon(6), start_within=1) for audience in both for _ in range(2)]
    fresh = [await frail.send(audience, send_at=soon(6)) for audience in both]
    planner = frail.fleet.processes["planner"]
    await asyncio.to_thread(planner.kill)
    await asyncio.sleep(9)
    await asyncio.to_thread(planner.start)
    for one in fresh:
        assert fates(await frail.finished(one, 40)) == {"planned": 2, "delivered": 2}
    for one in stale:
        report = await frail.finished(one, 40)
        assert fates(report) == {"planned": 2, "expired": 2}
        assert report["total"]["reasons"]["expired"] == {"missed": 2}
    assert frail.accepted(devices) == {2: 2}


async def test_two_planners_release_a_scheduled_send_once(frail: Scene) -> None:
    devices = await frail.devices("apns", 5, user="o{}")
    twin = frail.fleet.another("planner")
    await asyncio.to_thread(twin.start)
    try:
        moment = soon(5)
        named = [await frail.send({"users": [f"o{number}"]}, send_at=moment) for number in range(5) for _ in range(6)]
        everyone = [await frail.send(send_at=moment) for _ in range(4)]
        reports = [await frail.finished(one, 40) for one in (*named, *everyone)]
    finally:
        await asyncio.to_thread(twin.stop)
        del frail.fleet.processes[twin.name]
    assert [fates(one) for one in reports] == [{"planned": n, "delivered": n} for n in [1] * 30 + [5] * 4]
    await until(lambda: frail.accepted(devices) == {10: 5}, 5)
