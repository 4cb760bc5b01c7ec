"""Sends for a later moment: they begin then, once; who was down catches up by rule; until then they may be changed."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, fates, until, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]


def soon(seconds: float) -> str:
    return (utc() + timedelta(seconds=seconds)).isoformat()


def first_asked(scene: Scene, devices: list[Dev]) -> datetime:
    return min(datetime.fromisoformat(one["time"]) for one in scene.asked(devices))


async def test_a_send_begins_at_its_moment_and_never_before(scene: Scene) -> None:
    """One that is its own plan, and one that is planned then."""
    devices = await scene.devices("apns", 3, user="kim")
    moment = utc() + timedelta(seconds=4)
    both: list[Json] = [{"users": ["kim"]}, {"everyone": True}]
    sends = [await scene.send(audience, send_at=moment.isoformat()) for audience in both]
    for send in sends:
        shown = await scene.status(send)
        assert shown["state"] == "scheduled"
        assert abs(datetime.fromisoformat(shown["begins_at"]) - moment) < timedelta(milliseconds=2)
    for send in sends:
        assert fates(await scene.finished(send)) == {"planned": 3, "delivered": 3}
        full = (await scene.call("GET", f"/v1/sends/{send}/report")).json()
        began, last = (datetime.fromisoformat(full[name]) for name in ("begins_at", "last_delivery_at"))
        assert abs(began - moment) < timedelta(milliseconds=2)
        assert full["latency"]["accept_to_provider"]["p99"] <= (last - began).total_seconds() * 1.13
        assert datetime.fromisoformat(full["timeline"]["points"][0]["at"]) >= began
    assert first_asked(scene, devices) >= moment - timedelta(milliseconds=50)
    assert scene.accepted(devices) == {2: 3}


@pytest.mark.parametrize("audience", [{"everyone": True}, {"users": ["lea"]}], ids=["everyone", "users"])
async def test_a_scheduled_send_is_replaced_and_called_off(scene: Scene, audience: Json) -> None:
    devices = await scene.devices("apns", 2, user="lea")
    send = await scene.send(audience, send_at=soon(3600))
    other: Json = {"audience": {"devices": [devices[0].id]}, "message": {"title": "Dong"}, "send_at": soon(3)}
    assert (await scene.door.replace(send, {**other, "ttl": -1}))["errors"][0]["pointer"] == "/ttl"
    assert await scene.door.replace(send, other) == {"id": send, "state": "replaced"}
    assert fates(await scene.finished(send, 30)) == {"planned": 1, "delivered": 1}
    assert scene.accepted(devices) == {1: 1, 0: 1}
    assert [one["pointer"] for one in (await scene.door.replace(send, other))["errors"]] == ["/do"]
    later = await scene.send(audience, send_at=soon(7200), ttl=60)
    await scene.order(later, "cancel")
    assert fates(await scene.finished(later, 30)) == {"planned": 2, "cancelled": 2}
    assert [one["pointer"] for one in (await scene.door.replace(later, other))["errors"]] == ["/do"]


async def test_what_is_over_is_never_replaced_also_when_the_order_that_ended_it_is_forgotten(scene: Scene) -> None:
    """It would be told that it is replaced, and nothing would ever be sent."""
    await scene.devices("apns", 1, user="leo")
    moments: list[Json] = [{"send_at": soon(7200)}, {"repeat": {"cron": "0 9 1 1 *"}}]
    for moment in moments:
        send = await scene.send(**moment)
        await scene.order(send, "cancel")
        await scene.finished(send, 30)
        await scene.store.database["orders"].delete_one({"_id": scene.key(send)})  # as the store does after two months
        wanted: Json = {"audience": {"users": ["leo"]}, "message": {"title": "Dong"}, **moment}
        for asked in (wanted, {**wanted, "validate_only": True}):
            assert [one["pointer"] for one in (await scene.door.replace(send, asked))["errors"]] == ["/do"]


async def test_a_list_of_many_is_replaced_by_another_list(scene: Scene) -> None:
    devices = await scene.crowd("apns", 40)
    ids = [one.id for one in devices]
    send = await scene.send({"devices": ids[:20]}, send_at=soon(3600))
    body: Json = {"audience": {"devices": ids[15:]}, "message": {"title": "Dong"}, "send_at": soon(1)}
    assert (await scene.door.replace(send, body))["state"] == "replaced"
    assert fates(await scene.finished(send, 30)) == {"planned": 25, "delivered": 25}
    assert scene.accepted(devices[15:]) == {1: 25}
    assert scene.accepted(devices[:15]) == {0: 15}


async def test_of_two_replacements_at_once_each_goes_to_its_own_recipients_or_to_nobody(scene: Scene) -> None:
    """However they race: whoever comes last names everyone, and the other one nobody."""
    crowd = await scene.crowd("fcm", 30)
    halves = [[one.id for one in crowd[:15]], [one.id for one in crowd[15:]]]
    sends = [await scene.send({"devices": halves[0]}, send_at=soon(3600)) for _ in range(6)]
    end = soon(3)

    async def replaced(send: str, devices: list[str]) -> None:
        body = {"audience": {"devices": devices}, "message": {"title": send}, "send_at": end}
        await scene.door.replace(send, body)  # or refused: the other was at the same time

    await asyncio.gather(*(replaced(send, half) for send in sends for half in halves))
    for send in sends:
        assert fates(await scene.finished(send)) == {"planned": 15, "delivered": 15}
        stored = await scene.store.sends.get(scene.key(send))
        assert stored is not None
        first = (stored.request.audience.devices or ("",))[0]
        half = crowd[:15] if first == crowd[0].id else crowd[15:]
        told = {one["token"] for one in scene.asked(crowd) if send in json.dumps(one)}
        assert told == {one.token for one in half}


async def test_a_moment_and_an_expiry_that_cannot_be_kept_are_refused(scene: Scene) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"send_at": soon(-7200)}, "/send_at"),
        ({"expires_at": soon(-1)}, "/expires_at"),
        ({"send_at": soon(60), "expires_at": soon(30)}, "/expires_at"),
    ]
    for wrong, pointer in refused:
        assert await scene.refused(**wrong) == [pointer]


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
