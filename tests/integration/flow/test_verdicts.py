"""What providers answer, and what becomes of it: in the report, in the registry, and in what is sent afterwards."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.integration.flow.providers import Json, new_token
from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, fates, until, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
SCALE = 60
PAUSE = 300
"""Seconds for which a credential problem is left alone at first, before the time scale."""
LONG_AGO = int((utc() - timedelta(hours=1)).timestamp() * 1000)
DEVICE_QUOTA = {"reason": "QUOTA_EXCEEDED", "status": 429, "message": "Device message rate exceeded."}


async def is_retired(scene: Scene, dev: Dev) -> bool:
    found = await scene.store.devices.get(scene.app, bytes.fromhex(dev.id))
    assert found is not None
    return found.get("retired") is not None


async def test_the_dead_are_retired_by_the_timestamp_rule_and_not_sent_to_again(scene: Scene) -> None:
    alive = await scene.devices("apns", 2)
    (dead,) = await scene.devices("apns")
    (back,) = await scene.devices("apns", 1, known={"state": "unregistered", "since": LONG_AGO})
    (gone,) = await scene.devices("fcm", 1, known={"state": "unregistered"})
    stranger = Dev(await scene.register("apns", token := new_token("apns")), "apns", token)
    everyone = [*alive, dead, back, gone, stranger]
    await scene.providers.call("POST", f"/apns/tokens/{dead.token}", {"state": "unregistered"})
    report = await scene.run()
    assert fates(report) == {"planned": 6, "delivered": 2, "unregistered": 3, "rejected": 1}
    assert report["total"]["reasons"]["rejected"] == {"BadDeviceToken": 1}
    await until(lambda: is_retired(scene, dead))
    await until(lambda: is_retired(scene, gone))
    assert [await is_retired(scene, dev) for dev in everyone] == [False, False, True, False, True, False]
    again = await scene.run()
    assert fates(again) == {"planned": 4, "delivered": 2, "unregistered": 1, "rejected": 1}
    assert Counter(one["token"] for one in scene.asked([dead, gone])) == {dead.token: 1, gone.token: 1}
    assert await scene.register("apns", dead.token) == dead.id
    assert not await is_retired(scene, dead)


async def test_a_device_that_registers_between_the_send_and_the_410_stays(scene: Scene) -> None:
    (dev,) = await scene.devices("fcm", 1, known={"state": "unregistered"})
    async with scene.providers.knobs("fcm", latency={"median": 0.6}):
        send = await scene.send({"devices": [dev.id]})
        await until(lambda: scene.asked([dev]))
        await scene.register("fcm", dev.token)
        assert fates(await scene.finished(send)) == {"planned": 1, "unregistered": 1}
    await asyncio.sleep(0.5)
    assert not await is_retired(scene, dev)


async def test_what_is_throttled_or_down_comes_again_and_never_before_it_was_asked_to(scene: Scene) -> None:
    throttled = await scene.devices("apns", 2)
    quota = await scene.devices("fcm", 2)
    down, tired = [(await scene.devices("fcm"))[0], (await scene.devices("apns"))[0]]
    for dev in throttled:
        await scene.providers.script("apns", dev.token, {"status": 429, "reason": "TooManyRequests"})
    for dev in quota:
        await scene.providers.script("fcm", dev.token, {**DEVICE_QUOTA, "retry_after": "30", "times": 2})
    await scene.providers.script("fcm", down.token, {"status": 503, "reason": "UNAVAILABLE", "retry_after": "20"})
    await scene.providers.script("apns", tired.token, {"status": 503, "reason": "ServiceUnavailable"})
    everyone = [*throttled, *quota, down, tired]
    report = await scene.run(ttl=600)
    assert fates(report) == {"planned": 6, "delivered": 6}
    assert report["retries"] == report["retries_recorded"] >= 4
    assert scene.accepted(everyone) == {1: 6}
    for dev, least, times in ((throttled[0], 60, 2), (quota[0], 30, 3), (down, 20, 2)):
        at = [datetime.fromisoformat(one["time"]) for one in scene.asked([dev])]
        assert len(at) == times
        gaps = [(second - first).total_seconds() for first, second in pairwise(at)]
        assert min(gaps) >= least / SCALE


async def test_who_moved_or_went_between_two_attempts_is_suppressed(scene: Scene) -> None:
    moved, deleted, stays = await scene.devices("fcm", 3, user="u{}")
    for dev in (moved, deleted, stays):
        await scene.providers.script("fcm", dev.token, {**DEVICE_QUOTA, "retry_after": "480"})
    send = await scene.send({"users": ["u0", "u1", "u2"]})
    await until(lambda: len(scene.asked([moved, deleted, stays])) == 3)
    answer = await scene.call("PUT", f"/v1/devices/{moved.id}", {"user": "somebody else"})
    assert answer.is_success
    assert (await scene.call("DELETE", f"/v1/devices/{deleted.id}")).is_success
    report = await scene.finished(send)
    assert fates(report) == {"planned": 3, "delivered": 1, "suppressed": 2}
    assert report["total"]["reasons"]["suppressed"] == {"gone": 1, "reassigned": 1}
    assert len(scene.asked([moved, deleted])) == 2


async def test_a_revoked_access_token_is_renewed_once_and_each_message_tried_once_more(scene: Scene) -> None:
    devices = await scene.crowd("fcm", 60)
    await scene.run({"devices": [devices[0].id]})
    two_minutes_ago = utc() - timedelta(minutes=2)  # Carillon asks for a new one at most once a minute
    shared = scene.store.database["authorizations"]
    done = await shared.update_one({"_id": {"$regex": scene.project}}, {"$set": {"issued_at": two_minutes_ago}})
    assert done.modified_count == 1
    before = len(token_requests(scene))
    accounts = await scene.providers.call("GET", "/fcm/service-accounts")
    account = next(one["client_email"] for one in accounts if one["project"] == scene.project)
    assert (await scene.providers.call("POST", "/fcm/access-tokens/revoke", {"account": account}))["revoked"] == 1
    assert fates(await scene.run()) == {"planned": 60, "delivered": 60}
    assert len(token_requests(scene)) - before == 1
    refused = Counter(one["token"] for one in scene.asked(devices) if one["status"] == 401)
    assert refused
    assert set(refused.values()) == {1}


async def test_a_message_that_google_finds_wrong_is_rejected_and_touches_no_token(scene: Scene) -> None:
    devices = await scene.crowd("fcm", 100)
    fault = {"share": 1, "status": 400, "reason": "INVALID_ARGUMENT", "message": "Invalid value (TYPE_STRING), 12"}
    async with scene.providers.knobs("fcm", faults=[fault]):
        report = await scene.run()
    assert report["total"]["reasons"] == {"rejected": {"INVALID_ARGUMENT": 100}}
    assert len(scene.asked(devices)) == 100
    assert await scene.store.database["devices"].count_documents({"app": scene.app, "retired": None}) == 100


async def test_apples_trouble_behind_firebase_pauses_apples_devices_and_nobody_else(scene: Scene) -> None:
    broken = {"id": scene.project, "third_party_auth_error": {"ios": "InvalidProviderToken"}}
    await scene.providers.call("POST", "/fcm/projects", [broken])
    apple, android = await scene.devices("fcm", 3, known={"kind": "ios"}), await scene.devices("fcm", 3)
    send = await scene.send(ttl=600)
    await until(lambda: len(scene.asked(apple)) >= 3 and scene.accepted(android) == {1: 3})
    await scene.providers.call("POST", "/fcm/projects", [{**broken, "third_party_auth_error": {}}])
    assert fates(await scene.finished(send)) == {"planned": 6, "delivered": 6}
    assert scene.accepted([*apple, *android]) == {1: 6}
    for dev in apple:
        asked = scene.asked([dev])
        assert [one["status"] for one in asked] == [401] * (len(asked) - 1) + [200]
        at = [datetime.fromisoformat(one["time"]) for one in asked]
        assert min((second - first).total_seconds() for first, second in pairwise(at)) >= PAUSE / SCALE
    assert len(token_requests(scene)) == 1
    assert not any([await is_retired(scene, dev) for dev in apple])


async def test_a_web_page_instead_of_an_answer_keeps_the_token(scene: Scene) -> None:
    devices = await scene.devices("fcm", 5)
    page = {"status": 404, "html": True, "times": 2}
    for dev in devices:
        await scene.providers.script("fcm", dev.token, page)
    assert fates(await scene.run()) == {"planned": 5, "delivered": 5}
    assert not any([await is_retired(scene, dev) for dev in devices])


def token_requests(scene: Scene) -> list[Json]:
    """What Google's token endpoint was asked for this app's service account."""
    found = [one for one in scene.providers.log("fcm") if one.get("path") == "/token"]
    return [one for one in found if scene.project in str(one.get("auth"))]
