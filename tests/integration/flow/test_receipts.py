"""One notification's story: its receipt agrees with the provider's own log, and who was left out is told why."""

import asyncio
from datetime import timedelta

import pytest

from shared.flow.identity import notification_id
from tests.integration.flow.backend import Backend
from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, until, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
DOWN = {"status": 503, "reason": "UNAVAILABLE", "retry_after": "10"}


async def receipts(scene: Scene, send: str) -> dict[str, Json]:
    """All that are kept, by device, page by page."""
    found: dict[str, Json] = {}
    after = ""
    while True:
        answer = await scene.call("GET", f"/v1/sends/{send}/receipts" + (f"?after={after}" if after else ""))
        assert answer.is_success, answer.text
        for one in answer.json()["receipts"]:
            assert one["device"] not in found
            found[one["device"]] = one
        after = answer.json()["next"]
        if after is None:
            return found


async def receipt(scene: Scene, send: str, device: str) -> Json | None:
    answer = await scene.call("GET", f"/v1/sends/{send}/receipts?device={device}")
    assert answer.is_success, answer.text
    found = answer.json()["receipts"]
    return found[0] if found else None


async def story(scene: Scene, send: str, device: str) -> Json:
    answer = await scene.call("GET", f"/v1/sends/{send}/devices/{device}")
    assert answer.is_success, answer.text
    found: Json = answer.json()
    return found


async def audience(scene: Scene) -> tuple[list[Dev], list[Dev], list[Dev]]:
    """Devices that are delivered to, that need a second attempt, and that are dead; of both platforms."""
    alive = [*await scene.devices("apns", 25, user="u{}"), *await scene.devices("fcm", 25, user="f{}")]
    tired = [*await scene.devices("apns", user="tired"), *await scene.devices("fcm", user="tired")]
    for dev in tired:
        step = {"status": 429, "reason": "TooManyRequests"} if dev.platform == "apns" else DOWN
        await scene.providers.script(dev.platform, dev.token, step)
    dead = await scene.devices("fcm", 2, known={"state": "unregistered"}, user="dead")
    return alive, tired, dead


def called(scene: Scene, send: str, dev: Dev) -> str:
    """What the provider calls the notification that it accepted for this device."""
    if dev.platform == "apns":
        return notification_id(scene.key(send), bytes.fromhex(dev.id))
    (accepted,) = [one for one in scene.asked([dev]) if one["status"] == 200]
    return f"projects/{scene.project}/messages/{accepted['message_id']}"


@pytest.mark.parametrize("by", ["everyone", "users", "devices"])
async def test_with_all_receipts_each_device_has_one_and_it_is_the_providers_own(scene: Scene, by: str) -> None:
    alive, tired, dead = await audience(scene)
    everyone = [*alive, *tired, *dead]
    named: dict[str, Json] = {
        "everyone": {"everyone": True},
        "users": {"users": sorted({str(dev.user) for dev in everyone})},
        "devices": {"devices": [dev.id for dev in everyone]},
    }
    send = await scene.send(named[by], receipts="all")
    report = await scene.finished(send)
    assert report["total"]["delivered"] == 52
    found = await receipts(scene, send)
    assert found.keys() == {dev.id for dev in everyone}
    for dev in [alive[0], alive[-1], *tired]:
        one = await receipt(scene, send, dev.id)
        assert one is not None
        assert (one["outcome"], one["provider_id"]) == ("delivered", called(scene, send, dev))
        assert found[dev.id]["provider_id"] == called(scene, send, dev)
        outcomes = [attempt["outcome"] for attempt in one["attempts"]]
        assert outcomes == (["retry", "delivered"] if dev in tired else ["delivered"])
        assert [attempt["attempt"] for attempt in one["attempts"]] == list(range(1, len(outcomes) + 1))
        told = await story(scene, send, dev.id)
        assert (told["addressed"], told["outcome"], told["told_by"]) == (True, "delivered", "record")
        assert told["provider_id"] == one["provider_id"]
    for dev in dead:
        one = await receipt(scene, send, dev.id)
        assert one is not None
        assert (one["outcome"], one["reason"]) == ("unregistered", "UNREGISTERED")
        assert (await story(scene, send, dev.id))["outcome"] == "unregistered"
    late = Dev(await scene.register("apns", "cd" * 32, user="u0"), "apns", "cd" * 32)
    told = await story(scene, send, late.id)
    assert (told["addressed"], told["outcome"]) == (False, None)
    assert told["why"] == ("not_named" if by == "devices" else "registered_later")


async def test_by_default_failures_have_receipts_and_the_rest_follows(scene: Scene) -> None:
    alive, tired, dead = await audience(scene)
    send = await scene.send()
    await scene.finished(send)
    assert (await receipts(scene, send)).keys() == {dev.id for dev in dead}
    assert await receipt(scene, send, alive[0].id) is None
    told = await story(scene, send, alive[0].id)
    assert (told["addressed"], told["outcome"], told["told_by"]) == (True, "delivered", "registration")
    assert (await story(scene, send, tired[0].id))["outcome"] == "delivered"
    assert (await story(scene, send, tired[0].id))["told_by"] == "record"
    assert (await scene.call("PUT", f"/v1/devices/{alive[1].id}", {"tags": ["new"]})).is_success
    told = await story(scene, send, alive[1].id)
    assert (told["addressed"], told["outcome"], told["told_by"]) == (None, None, "nothing")


async def test_with_none_there_are_none(scene: Scene) -> None:
    _, _, dead = await audience(scene)
    send = await scene.send(receipts="none")
    report = await scene.finished(send)
    assert report["total"]["unregistered"] == 2
    assert await receipts(scene, send) == {}
    assert await receipt(scene, send, dead[0].id) is None


async def test_who_was_left_out_is_told_why(scene: Scene) -> None:
    (ada,) = await scene.devices("apns", user="ada", tags=["news"])
    (bob,) = await scene.devices("fcm", user="bob", tags=["sport"])
    everyone = await scene.send({"tags": {"any": ["news"]}})
    small = await scene.send({"users": ["ada"]})
    platform = await scene.send({"platforms": ["apns"]})
    for send in (everyone, small, platform):
        await scene.finished(send)
    assert (await story(scene, everyone, bob.id))["why"] == "does_not_fit"
    assert (await story(scene, small, bob.id))["why"] == "not_named"
    assert (await story(scene, platform, bob.id))["why"] == "other_variant"
    assert (await story(scene, platform, "0" * 24))["why"] == "unknown_device"
    for send in (everyone, small, platform):
        told = await story(scene, send, ada.id)
        assert (told["addressed"], told["outcome"]) == (True, "delivered")
    history = (await scene.call("GET", f"/v1/devices/{ada.id}/history")).json()
    assert [one["send"] for one in history["sends"]] == [platform, small, everyone]
    assert history["next"] is None
    page = (await scene.call("GET", f"/v1/devices/{ada.id}/history?limit=2")).json()
    assert [one["send"] for one in page["sends"]] == [platform, small]
    rest = (await scene.call("GET", f"/v1/devices/{ada.id}/history?limit=2&after={page['next']}")).json()
    assert [one["send"] for one in rest["sends"]] == [everyone]
    assert (await scene.call("GET", f"/v1/devices/{bob.id}/history")).json()["sends"] == []
    assert (await scene.call("GET", f"/v1/devices/{'0' * 24}/history")).status_code == 404


async def test_what_was_never_planned_is_not_open_and_nobody_knows_of_whom_is_gone(scene: Scene) -> None:
    ada, bob = [(await scene.devices("apns", user=name))[0] for name in ("ada", "bob")]
    later, sent = (utc() + timedelta(hours=1)).isoformat(), [await scene.send(), await scene.send({"users": ["bob"]})]
    for send in sent:
        await scene.finished(send)
    both = [await scene.send(send_at=later), await scene.send({"users": ["ada"]}, send_at=later)]
    always = await scene.send(repeat={"cron": "0 9 1 1 *"})
    for send in [*both, always]:
        if send != always:
            assert (await story(scene, send, ada.id))["outcome"] == "open"
        await scene.order(send, "cancel")
        await scene.finished(send)
    late = (await scene.devices("apns", user="ada"))[0]
    for send in both:
        told = await story(scene, send, ada.id)
        assert (told["addressed"], told["outcome"], told["told_by"]) == (True, "cancelled", "registration")
        assert (await story(scene, send, late.id))["why"] == "registered_later"
    assert (await story(scene, always, ada.id))["why"] == "repeated"
    history = (await scene.call("GET", f"/v1/devices/{ada.id}/history")).json()["sends"]
    assert [(one["send"], one["outcome"]) for one in history] == [
        (both[1], "cancelled"), (both[0], "cancelled"), (sent[0], "delivered"),
    ]  # fmt: skip
    assert (await scene.call("GET", f"/v1/devices/{late.id}/history")).json()["sends"] == []
    assert (await scene.call("DELETE", f"/v1/devices/{bob.id}")).is_success
    for send in sent:  # it was delivered to, and nothing says so any more
        told = await story(scene, send, bob.id)
        assert (told["addressed"], told["why"], told["told_by"]) == (None, "unknown_device", "nothing")


async def test_what_waits_is_open(scene: Scene) -> None:
    (dev,) = await scene.devices("apns", user="slow")
    async with scene.providers.knobs("apns", latency={"median": 3}):
        send = await scene.send({"users": ["slow"]})
        told = await story(scene, send, dev.id)
        assert (told["addressed"], told["outcome"]) == (True, "open")
        await scene.finished(send)
    assert (await story(scene, send, dev.id))["outcome"] == "delivered"


async def test_feedback_names_the_delivered_where_all_receipts_were_asked_for(scene: Scene, backend: Backend) -> None:
    events = await backend.feedback(scene.app)
    devices = await scene.devices("fcm", 30)
    for kept, named in (("all", {dev.id for dev in devices}), ("failures", set())):
        send = await scene.send(receipts=kept)
        await scene.finished(send)
        await until(lambda send=send: [one for one in events if one["kind"] == "send" and one["send"] == send])  # type: ignore[misc]
        chunks = [one for one in events if one["kind"] == "chunk" and one["send"] == send]
        assert {device for one in chunks for device in one.get("delivered", ())} == named


# ── what devices tell ────────────────────────────────────────────────────────────────────────────────────────────


async def test_interactions_are_counted_once_and_folded_into_the_report(scene: Scene) -> None:
    devices = await scene.devices("fcm", 4, user="i{}")
    send = await scene.send({"users": ["i0", "i1", "i2", "i3"]}, interactions=True)
    await scene.finished(send)
    asked = [one for one in scene.asked(devices) if one["status"] == 200]
    assert len(asked) == 4
    told = [
        {"send": send, "device": devices[0].id, "kind": "received"},
        {"send": send, "device": devices[0].id, "kind": "opened"},
        {"send": send, "device": devices[1].id, "kind": "opened"},
        {"send": send, "device": devices[1].id, "kind": "action", "action": "reply"},
        {"send": send, "device": devices[2].id, "kind": "dismissed"},
    ]
    strange = [{**told[0], "send": "nosuchsend"}, {**told[0], "device": "0" * 24}]
    body = {"interactions": [*told, *strange, told[1]]}
    first = await scene.call("POST", "/v1/interactions", body, scene.client_secret)
    assert first.json() == {"recorded": 5, "repeated": 1, "unknown": 2}
    again = await asyncio.gather(*(scene.call("POST", "/v1/interactions", body, scene.client_secret) for _ in range(5)))
    assert {one.json()["recorded"] for one in again} == {0}
    found = (await scene.call("GET", f"/v1/sends/{send}/report")).json()["interactions"]
    assert (found["received"], found["opened"], found["dismissed"], found["actions"]) == (1, 2, 1, {"reply": 1})
    assert found["open_rate"] == 0.5
    assert found["seconds_to_open"]["n"] == 2
    kinds = [one["kind"] for one in (await story(scene, send, devices[1].id))["interactions"]]
    assert sorted(kinds) == ["action", "opened"]
    bad: list[list[Json]] = [[], [{**told[0], "kind": "action"}], [{}]]
    for wrong in [{"interactions": one} for one in bad]:
        assert (await scene.call("POST", "/v1/interactions", wrong, scene.client_secret)).status_code == 422
