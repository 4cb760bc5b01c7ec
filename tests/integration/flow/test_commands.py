"""From an AMQP command to its report; what is wrong with one is said where its backend looks."""

import asyncio
import json
import secrets
from datetime import datetime, timedelta

import pytest

from tests.integration.flow.backend import Backend, Json, signed
from tests.integration.flow.providers import entry, new_token
from tests.integration.flow.scene import Dev, Scene, books_close, fates, until, utc

pytestmark = pytest.mark.anyio
EVERYONE: Json = {"audience": {"everyone": True}, "message": {"title": "Ding"}}


def new_id() -> str:
    return f"cmd-{secrets.token_hex(6)}"


async def test_a_signed_command_is_answered_and_runs_to_its_report(scene: Scene, backend: Backend) -> None:
    devices = [*await scene.devices("apns", 2), *await scene.devices("fcm", 2)]
    answer = await backend.command(scene, {"id": "first-send", **EVERYONE})
    assert (answer["id"], answer["state"]) == ("first-send", "accepted")
    report = await scene.finished("first-send")
    assert fates(report) == {"planned": 4, "delivered": 4}
    assert scene.accepted(devices) == {1: 4}
    assert (await scene.status("first-send"))["source"] == "amqp"


async def test_a_command_that_comes_twice_is_one_send(scene: Scene, backend: Backend) -> None:
    devices = await scene.devices("fcm", 2, user="ann")
    command = {"id": new_id(), "audience": {"users": ["ann"]}, "message": {"title": "Ding"}}
    answers = [await backend.command(scene, command) for _ in range(2)]
    assert [one.get("duplicate", False) for one in answers] == [False, True]
    both = await backend.command(scene, {**command, "id": "same-one"}, {**command, "id": "same-one"})
    assert [one.get("duplicate", False) for one in both["answers"]] == [False, True]
    for send in (str(command["id"]), "same-one"):
        assert fates(await scene.finished(send)) == {"planned": 2, "delivered": 2}
    await asyncio.sleep(0.5)
    assert scene.accepted(devices) == {2: 2}


async def test_lists_that_another_command_left_behind_under_the_id_name_nobody(scene: Scene, backend: Backend) -> None:
    """Its planner died before it stored the send; then another command came with the same id."""
    named, strangers = await scene.crowd("fcm", 12), await scene.crowd("fcm", 12)
    command = {"id": new_id(), "message": {"title": "Ding"}, "audience": {"devices": [one.id for one in named]}}
    await scene.store.lists.insert(f"{scene.key(str(command['id']))}/devices", [one.id for one in strangers])
    answers = [await backend.command(scene, command) for _ in range(2)]
    assert [one.get("duplicate", False) for one in answers] == [False, True]
    assert fates(await scene.finished(str(command["id"]))) == {"planned": 12, "delivered": 12}
    assert (scene.accepted(named), scene.accepted(strangers)) == ({1: 12}, {0: 12})


async def test_a_command_goes_by_the_variants_and_rules_that_were_answered_before_it(
    scene: Scene, backend: Backend
) -> None:
    (first,) = await scene.devices("fcm", user="bob")
    mine = {"audience": {"users": ["bob", "eve"]}, "message": {"title": "Ding"}}
    assert (await backend.command(scene, {"id": new_id(), **mine}))["state"] == "accepted"
    project = f"{scene.project}-2"
    account = await scene.providers.call("POST", "/fcm/service-accounts/make", {"project": project})
    variants, admin = f"/v1/apps/{scene.app}/variants", scene.fleet.admin_key
    body = {"platform": "fcm", "name": "second", "settings": {"service_account": account}}
    scene.variants["second"] = (await scene.call("POST", variants, body, admin)).json()["id"]
    token = new_token("fcm")
    await scene.providers.know("fcm", [entry("fcm", token, project, {})])
    second = Dev(await scene.register("second", token, user="bob"), "fcm", token)
    both = new_id()
    assert (await backend.command(scene, {"id": both, **mine}))["state"] == "accepted"
    assert fates(await scene.finished(both)) == {"planned": 2, "delivered": 2}
    assert scene.accepted([second]) == {1: 1}
    assert (await backend.command(scene, {"id": new_id(), **mine}))["state"] == "accepted"
    rules = await scene.call("PUT", f"/v1/apps/{scene.app}/rules", {"confirm_above": 1}, admin)
    assert rules.is_success, rules.text
    refused = await backend.command(scene, {"id": new_id(), **mine})
    assert [one["pointer"] for one in refused["errors"]] == ["/confirm"]
    assert (await backend.command(scene, {"id": new_id(), **mine, "confirm": True}))["state"] == "accepted"
    assert (await scene.call("DELETE", f"{variants}/{scene.variants['second']}", key=admin)).is_success
    audience = {"users": ["bob", "eve"], "variants": [scene.variants["second"]]}
    gone = {**mine, "confirm": True, "audience": audience}
    refused = await backend.command(scene, {"id": new_id(), **gone})
    assert [one["pointer"] for one in refused["errors"]] == ["/audience/variants/0"]
    await until(lambda: scene.accepted([first])[4] == 1)


async def test_in_a_bundle_every_command_is_decided_by_itself(scene: Scene, backend: Backend) -> None:
    await scene.devices("apns", 1, user="bob")
    events = await backend.feedback(scene.app)
    good, bad, good_too = new_id(), new_id(), new_id()
    mine = {"audience": {"users": ["bob"]}, "message": {"title": "Ding"}}
    said = await backend.command(scene, {"id": good, **mine}, {"id": bad, **mine, "ttl": -1}, {"id": good_too, **mine})
    assert [one["state"] for one in said["answers"]] == ["accepted", "rejected", "accepted"]
    assert said["answers"][1]["errors"][0]["pointer"] == "/ttl"
    for send in (good, good_too):
        assert fates(await scene.finished(send)) == {"planned": 1, "delivered": 1}
    rejected = await scene.status(bad)
    assert rejected["state"] == "rejected"
    assert rejected["problems"][0]["pointer"] == "/ttl"
    await until(lambda: any(one["send"] == bad for one in events))
    told = next(one for one in events if one["send"] == bad)
    assert (told["kind"], told["state"], told["errors"][0]["pointer"]) == ("send", "rejected", "/ttl")


async def test_a_large_bundle_is_taken_in_groups(scene: Scene, backend: Backend) -> None:
    await scene.devices("apns", 1, user="eve")  # an Android device takes 240 a minute at most
    ids = [new_id() for _ in range(300)]
    mine = {"audience": {"users": ["eve"]}, "message": {"title": "Ding"}}
    said = await backend.command(scene, *({"id": one, **mine} for one in ids))
    assert {one["state"] for one in said["answers"]} == {"accepted"}
    for one in (ids[0], ids[-1]):
        await scene.finished(one)


@pytest.mark.parametrize(
    ("body", "sign", "reason"),
    [
        (b"\xff\xfe not json", True, "not JSON"),
        (b"[" * 100_000, True, "not JSON"),
        (b'{"id": "no-app-named"}', True, "names the app"),
        (b'{"v": 1, "commands": []}', True, "at least one"),
        (None, False, "is missing"),
        (None, "wrong", "does not hold"),
    ],
)
async def test_what_cannot_be_read_or_believed_goes_to_the_dead_letters_with_the_reason(
    scene: Scene, backend: Backend, *, body: bytes | None, sign: bool | str, reason: str
) -> None:
    send = new_id()
    raw = body or json.dumps({"v": 1, "app": scene.app, "id": send, **EVERYONE}).encode()
    signature = signed(scene, raw if sign is True else raw + b" ") if sign else None
    await backend.dead_letters()
    await backend.publish(raw, signature=signature)
    found: list[tuple[Json, bytes]] = []

    async def buried() -> bool:
        found.extend(await backend.dead_letters())
        return bool(found)

    await until(buried)
    assert [(headers["queue"], text) for headers, text in found] == [("commands", raw)]
    assert reason in found[0][0]["reason"]
    if body is None:
        assert (await scene.call("GET", f"/v1/sends/{send}")).status_code == 404


async def test_a_command_in_another_apps_name_is_not_believed(scene: Scene, backend: Backend) -> None:
    raw = json.dumps({"v": 1, "app": "a0000000000", "id": new_id(), **EVERYONE}).encode()
    await backend.dead_letters()
    await backend.publish(raw, signature=signed(scene, raw))
    (headers, _), *_ = await backend.drain("dead-letters", at_least=1)
    assert "does not hold" in headers["reason"]


async def test_feedback_tells_of_every_chunk_and_of_the_end(scene: Scene, backend: Backend) -> None:
    events = await backend.feedback(scene.app)
    devices = [*await scene.crowd("apns", 70), *await scene.devices("fcm", 2, known={"state": "unregistered"})]
    send = await scene.send()
    report = await scene.finished(send)
    await until(lambda: any(one["kind"] == "send" for one in events))
    chunks = {one["id"]: one for one in events if one["kind"] == "chunk"}
    assert len(chunks) == report["chunks"]
    assert sum(one["matched"] for one in chunks.values()) == len(devices)
    assert sum(one["outcomes"].get("delivered", {}).get("", 0) for one in chunks.values()) == 70
    dead = {(one["device"], one["outcome"]) for event in chunks.values() for one in event["not_delivered"]}
    assert dead == {(dev.id, "unregistered") for dev in devices[70:]}
    (end,) = [one for one in events if one["kind"] == "send"]
    assert (end["send"], end["state"]) == (send, "finished")
    books_close(end["report"])
    assert not any(dev.token in json.dumps(events) for dev in devices)


async def test_small_sends_end_with_an_event_too(scene: Scene, backend: Backend) -> None:
    events = await backend.feedback(scene.app)
    await scene.devices("apns", 1, user="cy")
    sends = await asyncio.gather(*(scene.send({"users": ["cy"]}) for _ in range(20)))
    await asyncio.gather(*map(scene.finished, sends))
    await until(lambda: {one["send"] for one in events if one["kind"] == "send"} == set(sends))
    assert {one["report"]["total"]["delivered"] for one in events if one["kind"] == "send"} == {1}


async def test_an_id_that_stands_for_another_send_is_refused_and_told_in_the_results(
    scene: Scene, backend: Backend
) -> None:
    (dev,) = await scene.devices("apns", 1, user="ann")
    events = await backend.feedback(scene.app)
    command = {"id": new_id(), "audience": {"users": ["ann"]}, "message": {"title": "Ding"}}
    first = await backend.command(scene, command)
    assert first["state"] == "accepted"
    reordered = dict(reversed(command.items()))
    assert (await backend.command(scene, reordered)) == {**first, "duplicate": True}
    other = {**command, "message": {"title": "Dong"}}
    used = {"pointer": "/id", "detail": "another send has this id"}
    refused = {"id": command["id"], "state": "rejected", "errors": [used], "conflict": True}
    assert await backend.command(scene, other) == refused
    over_http = await scene.send({"users": ["ann"]})
    assert (await backend.command(scene, {**command, "id": over_http}))["conflict"] is True
    await scene.finished(str(command["id"]))
    await until(lambda: sum(one.get("state") == "rejected" for one in events) == 2, 20)
    told = [one for one in events if one.get("state") == "rejected"]
    assert [one["errors"] for one in told] == [[used], [used]]
    assert {one["send"] for one in told} == {command["id"], over_http}
    await scene.finished(over_http)
    assert scene.accepted([dev]) == {2: 1}
    assert (await scene.status(str(command["id"])))["state"] == "finished"


async def test_no_command_under_the_id_of_a_scheduled_send_lets_it_go_before_its_time(
    scene: Scene, backend: Backend
) -> None:
    """Neither another one, nor the first once more when the send was put off since."""
    (dev,) = await scene.devices("apns", 1, user="ann")
    mine: Json = {"audience": {"users": ["ann"]}, "message": {"title": "Later"}}
    soon, late = [(utc() + timedelta(seconds=seconds)).isoformat() for seconds in (4, 3600)]
    first, second = {"id": new_id(), **mine, "send_at": late}, {"id": new_id(), **mine, "send_at": soon}
    said = await backend.command(scene, first, second, {**second, "do": "replace", "send_at": late})
    assert [one["state"] for one in said["answers"]] == ["accepted", "accepted", "replaced"]
    await until(lambda: utc() > datetime.fromisoformat(soon))
    said = await backend.command(scene, {"id": first["id"], **mine}, second)
    assert [(one["state"], one.get("conflict"), one.get("duplicate")) for one in said["answers"]] == [
        ("rejected", True, None), ("accepted", None, True),
    ]  # fmt: skip
    assert fates(await scene.run({"users": ["ann"]}, message={"title": "Now"})) == {"planned": 1, "delivered": 1}
    assert [json.loads(one["body"])["aps"]["alert"]["title"] for one in scene.asked([dev])] == ["Now"]
    for send in (first["id"], second["id"]):
        assert (await scene.status(send))["state"] == "scheduled"


async def test_a_command_may_only_ask_whether_it_is_valid(scene: Scene, backend: Backend) -> None:
    events = await backend.feedback(scene.app)
    good, bad = new_id(), new_id()
    valid = await backend.command(scene, {"id": good, **EVERYONE, "validate_only": True})
    assert (valid["id"], valid["state"], valid["lane"]) == (good, "valid", "bulk")
    assert {one["variant"] for one in valid["variants"]} == set(scene.variants.values())
    said = await backend.command(scene, {"id": bad, **EVERYONE, "ttl": -1, "validate_only": True})
    assert (said["state"], said["errors"][0]["pointer"]) == ("rejected", "/ttl")
    await until(lambda: any(one["send"] == bad for one in events), 20)
    for send in (good, bad):
        assert (await scene.call("GET", f"/v1/sends/{send}")).status_code == 404
    assert (await backend.command(scene, {"id": good, **EVERYONE}))["state"] == "accepted"


async def test_a_send_and_its_end_may_come_in_one_message(scene: Scene, backend: Backend) -> None:
    devices = await scene.crowd("apns", 100)
    said = await backend.command(scene, {"id": "once-and-never", **EVERYONE}, {"id": "once-and-never", "do": "cancel"})
    assert [one["state"] for one in said["answers"]] == ["accepted", "cancelled"]
    counted = fates(await scene.finished("once-and-never", 40))
    accepted = scene.accepted(devices)
    assert accepted[0] == counted.get("cancelled", 0)  # a worker may have been quicker than the order
    assert accepted[1] == counted.get("delivered", 0)


async def test_an_order_that_cannot_be_read_is_refused_by_its_place_in_the_command(
    scene: Scene, backend: Backend
) -> None:
    wrong: list[Json] = [
        {"id": new_id(), "do": "explode"},
        {"id": "short", "do": "cancel"},
        {"id": new_id(), "do": "pause", "x": 1},
    ]
    said = await backend.command(scene, *wrong)
    assert [(one["state"], one["errors"][0]["pointer"]) for one in said["answers"]] == [
        ("rejected", "/do"), ("rejected", "/id"), ("rejected", "/x"),
    ]  # fmt: skip
