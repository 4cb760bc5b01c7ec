"""The two doors side by side: each field of a send, each limit and each question, with the same answer over both."""

import asyncio
import json
import secrets
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.flow.backend import Backend, OverAmqp
from tests.integration.flow.doors import Door, Json, OverHttp
from tests.integration.flow.scene import Scene, fates, until, utc
from tests.unit.flow.send_fields import BAD, BASE, GOOD, MANY, SEAT, UNKNOWN

pytestmark = pytest.mark.anyio
AT_ONCE = 8


@pytest.fixture
def doors(scene: Scene, backend: Backend) -> list[Door]:
    return [OverHttp(scene.call), OverAmqp(backend, scene)]


def written(case: Json) -> Json:
    """The request, with moments of our time."""
    moment = (utc() + timedelta(days=2)).replace(microsecond=0, tzinfo=None).isoformat()
    text = json.dumps({**BASE, **case}).replace("{soon}", f"{moment}Z").replace("{soon_local}", moment)
    said: Json = json.loads(text)
    return {name: value for name, value in said.items() if name != "message" or value is not None}


async def both(doors: list[Door], case: Json) -> list[Json]:
    """What each door says of it, but for its id."""
    said = written(case)
    answers = [await door.place(said) for door in doors]
    return [{name: value for name, value in one.items() if name != "id"} for one in answers]


async def test_each_field_is_taken_by_both_doors_and_means_the_same(
    scene: Scene, doors: list[Door], backend: Backend
) -> None:
    await backend.listen_for_answers()
    made = await scene.call("POST", "/v1/templates", {"name": "greeting", "message": SEAT})
    assert made.status_code == 201, made.text
    own: list[Json] = [
        {"template": {"name": "greeting", "version": 1}, "message": None},
        {"audience": {"variants": [scene.variants["apns"]]}},
        {"audience": {"tokens": {scene.variants["fcm"]: ["a:APA91bX"] * 3}}},
    ]
    room = asyncio.Semaphore(AT_ONCE)

    async def one(case: Json) -> None:
        async with room:
            over_http, over_amqp = await both(doors, {**case, "validate_only": True})
            assert over_http["state"] == "valid", (case, over_http)
            assert over_amqp == over_http, case

    await asyncio.gather(*map(one, [*own, *(case for cases in GOOD.values() for case in cases)]))


async def test_each_field_is_refused_by_both_doors_in_the_same_words(doors: list[Door], backend: Backend) -> None:
    await backend.listen_for_answers()
    room = asyncio.Semaphore(AT_ONCE)

    async def one(case: Json, pointers: set[str]) -> None:
        async with room:
            over_http, over_amqp = await both(doors, case)
            assert {each["pointer"] for each in over_http["errors"]} == pointers, (case, over_http)
            assert over_amqp == over_http, case

    await asyncio.gather(*(one(*case) for cases in [*BAD.values(), [UNKNOWN]] for case in cases))


async def test_what_is_too_large_for_one_door_is_too_large_for_the_other(doors: list[Door]) -> None:
    """64 kB, but for those who name many; what is not ASCII counts as it is written in UTF-8."""

    def told(user: str, **values: object) -> Json:
        users = MANY if user in MANY else [user]
        return {"audience": {"users": users}, "message": SEAT, "values": {user: values}}

    wide, escaped = ["Ж" * 1000] * 50, ["Ж" * 1000] * 30  # 100 kB; 60, and 180 if it were escaped
    cases: list[tuple[Json, bool]] = [
        (told("ada", n=["x" * 1024] * 50), True),
        (told("ada", n=escaped), True),
        (told("ada", n=wide), False),
        (told("u1", n=wide), True),
        ({"audience": {"everyone": True, "exclude": {"users": MANY}}, "message": {"data": {"a": "x" * 70_000}}}, True),
        ({"message": {"title": "x", "data": {"a": "x" * 70_000}}}, False),
    ]
    for case, fits in cases:
        over_http, over_amqp = await both(doors, {**case, "validate_only": True})
        assert over_amqp == over_http
        too_large = [{"pointer": "", "detail": "at most 64 kB"}]
        assert (over_http.get("errors") == too_large) is not fits, over_http
    small, large = ({**BASE, **case, "validate_only": True} for case, _ in cases[1:3])
    for door in doors:
        said = await door.several([small, large])
        assert [one["state"] for one in said] == ["valid", "rejected"]


async def previewed(doors: list[Door], question: Json) -> tuple[Json, Json]:
    """What both doors say in one second: a preview names the one at which it would expire."""
    first, other = doors
    while True:
        before, between, after = [await door.preview(question) for door in (first, other, first)]
        if before == after:
            return before, between


async def test_an_estimate_and_a_preview_are_the_same_over_both(scene: Scene, doors: list[Door]) -> None:
    (apple,) = await scene.devices("apns", 1, user="ada", tags=["a"], attributes={"name": "Ada"})
    (google,) = await scene.devices("fcm", 1, user="bob", tags=["a"])
    audiences: list[Json] = [
        {"everyone": True}, {"tags": {"any": ["a"]}, "platforms": ["fcm"]}, {"users": ["ada", "eve"]},
        {"filter": {"field": "user", "eq": "ada"}}, {"filter": {"field": "attributes.name", "exists": True}},
    ]  # fmt: skip
    for audience, devices in zip(audiences, (2, 1, 1, 1, 1), strict=True):
        over_http, over_amqp = [await door.estimate(audience) for door in doors]
        assert over_http["devices"] == devices
        assert over_amqp == over_http
    wrong: list[Json] = [{}, {"topic": "news"}, {"platforms": ["pigeon"]}, {"segments": ["gone"]}, {"users": "ada"}]
    for audience in wrong:
        over_http, over_amqp = [await door.estimate(audience) for door in doors]
        assert over_http["errors"]
        assert over_amqp["errors"] == over_http["errors"]
    questions: list[Json] = [
        {"message": {**SEAT, "body": "b"}, "device": apple.id, "values": {"seat": "3L"}},
        {"message": {"title": "Ding", "data": {"a": "b"}}, "device": google.id},
    ]
    for question in questions:
        over_http, over_amqp = await previewed(doors, question)
        assert over_http["payload"]
        assert over_amqp == over_http
    needs = {"template": True, "title": "{{ values.seat }}"}
    refused: list[tuple[Json, str]] = [
        ({"message": SEAT, "device": "0" * 24}, "/device"),
        ({"message": needs, "device": apple.id}, "/device"),
        ({"template": {"name": "gone"}, "device": apple.id}, "/template"),
        ({"message": {"title": "x", "pigeon": {}}, "device": apple.id}, "/message/pigeon"),
        ({"device": apple.id}, ""),
    ]
    for question, pointer in refused:
        over_http, over_amqp = [await door.preview(question) for door in doors]
        assert [one["pointer"] for one in over_http["errors"]] == [pointer]
        assert over_amqp["errors"] == over_http["errors"]


async def test_a_question_that_is_refused_appears_in_the_results_and_stores_nothing(
    scene: Scene, backend: Backend
) -> None:
    events = await backend.feedback(scene.app)
    said = await backend.command(
        scene,
        {"id": "how-many-1", "do": "estimate", "audience": {"everyone": True}},
        {"id": "how-many-2", "do": "estimate", "audience": {}},
        {"id": "how-many-1", **BASE},
    )
    assert [one["state"] for one in said["answers"]] == ["estimated", "rejected", "accepted"]
    assert said["answers"][0]["estimate"] == {
        "devices": 0, "examined": 0, "exact": True, "platforms": {"apns": 0, "fcm": 0},
        "variants": [
            {"variant": id_, "platform": name, "devices": 0, "examined": 0, "exact": True, "why": ""}
            for name, id_ in scene.variants.items()
        ],
    }  # fmt: skip
    await until(lambda: any(one["send"] == "how-many-2" for one in events))
    told = next(one for one in events if one["send"] == "how-many-2")
    assert (told["state"], told["errors"][0]["pointer"]) == ("rejected", "/audience")
    assert (await scene.call("GET", "/v1/sends/how-many-2")).status_code == 404
    await scene.finished("how-many-1")


async def test_the_answer_to_a_send_says_the_same_over_both(scene: Scene, doors: list[Door]) -> None:
    await scene.devices("apns", 1, user="ada")
    soon = (utc() + timedelta(hours=1)).isoformat()
    cases: list[Json] = [{"audience": {"users": ["ada"]}}, {"ttl": 60}, {"send_at": soon}]
    for case in cases:
        over_http, over_amqp = [await door.place({**BASE, **case}) for door in doors]
        assert {**over_amqp, "begins_at": over_amqp.get("begins_at")}.keys() == over_http.keys()
        for one in (over_http, over_amqp):
            shown = await scene.status(one["id"])
            for name in ("lane", "accepted_at", "deadline", "begins_at"):
                assert one.get(name) == shown[name], (case, name)
            await scene.call("POST", f"/v1/sends/{one['id']}:cancel")


async def test_a_repetition_gets_the_first_answer_and_another_request_is_refused(
    scene: Scene, backend: Backend, doors: list[Door]
) -> None:
    """By key over HTTP, by id over AMQP; and orders by key over both."""
    (dev,) = await scene.devices("apns", 1, user="ada")
    mine: Json = {"audience": {"users": ["ada"]}, "message": {"title": "Ding"}, "ttl": 60}

    async def over_http(body: Json) -> tuple[int, Any, bool]:
        headers = {"authorization": f"Bearer {scene.app_secret}", "idempotency-key": "order-4711"}
        answer = await scene.http.request("POST", "/v1/sends", json=body, headers=headers)
        return answer.status_code, answer.json(), "idempotent-replayed" in answer.headers

    (status, first, again), (_, second, replayed) = [await over_http(mine) for _ in range(2)]
    assert (status, second, again, replayed) == (202, first, False, True)
    assert (await over_http({**mine, "ttl": 61}))[0] == 409
    one, two = [await backend.command(scene, {"id": "order-4711", **mine}) for _ in range(2)]
    assert two == {**one, "duplicate": True}
    other = await backend.command(scene, {"id": "order-4711", **mine, "ttl": 61})
    assert (other["state"], other["conflict"], other["errors"][0]["pointer"]) == ("rejected", True, "/id")
    for send in (first["id"], "order-4711"):
        assert fates(await scene.finished(send)) == {"planned": 1, "delivered": 1}
    assert scene.accepted([dev]) == {2: 1}


async def test_an_order_with_a_key_is_carried_out_once(scene: Scene, backend: Backend) -> None:
    """A pause that comes again, when the send was resumed since, does not hold it up."""
    send = "kept-going"
    order: Json = {"id": send, "do": "pause", "key": "pause-1"}
    later = (utc() + timedelta(hours=1)).isoformat()
    assert (await backend.command(scene, {"id": send, **BASE, "send_at": later}))["state"] == "accepted"
    assert await backend.command(scene, order) == {"id": send, "state": "paused"}
    assert (await backend.command(scene, {"id": send, "do": "resume"}))["state"] == "resumed"
    assert await backend.command(scene, order) == {"id": send, "state": "paused", "duplicate": True}
    assert (await scene.status(send))["order"] is None
    used = {"pointer": "/key", "detail": "another order has this key"}
    refused = {"id": send, "state": "rejected", "errors": [used], "conflict": True}
    assert await backend.command(scene, {**order, "do": "cancel"}) == refused
    gone = {"id": "none-such-1", "do": "pause", "key": "pause-2"}
    assert (await backend.command(scene, gone))["errors"][0]["pointer"] == "/id"
    assert (await backend.command(scene, {**order, "key": "pause-2"}))["state"] == "paused"  # a refusal leaves it free
    replaced = {"id": send, "do": "replace", "key": "new-1", **BASE, "send_at": later, "ttl": 60}
    answers = (await backend.command(scene, replaced, replaced, {**replaced, "ttl": 61}))["answers"]
    assert [(one["state"], one.get("duplicate"), one.get("conflict")) for one in answers] == [
        ("replaced", None, None), ("replaced", True, None), ("rejected", None, True),
    ]  # fmt: skip
    assert await backend.command(scene, {**replaced, "key": "new-2", "validate_only": True, "ttl": 9}) == {
        "id": send, "state": "valid",
    }  # fmt: skip
    kept = await scene.store.sends.get(scene.key(send))
    assert kept is not None
    assert (kept.request.ttl, kept.revision) == (60, 1)


async def test_an_order_that_comes_several_times_at_once_is_carried_out_once(scene: Scene, backend: Backend) -> None:
    """Two would each find the send replaced by the other."""
    order: Json = {**BASE, "send_at": (utc() + timedelta(hours=1)).isoformat()}
    sends = [secrets.token_hex(8) for _ in range(5)]
    for send in sends:
        await backend.command(scene, {"id": send, **order})
    replaced = [{"id": send, "do": "replace", "key": f"new-{send}", **order, "ttl": 60} for send in sends]
    answers = await asyncio.gather(*(backend.command(scene, one) for one in replaced for _ in range(4)))
    assert {one["state"] for one in answers} == {"replaced"}
    assert sum("duplicate" not in one for one in answers) == len(sends)
    found = [await scene.store.sends.get(scene.key(send)) for send in sends]
    assert [one and one.revision for one in found] == [1] * len(sends)
