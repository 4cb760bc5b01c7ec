"""Personalised messages from the door, HTTP and AMQP alike, to what the providers were sent."""

import asyncio
import json
from typing import Any

import pytest

from tests.integration.flow.providers import Json, new_token
from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, fates

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
NAME = 'Zoë "Z" \\ Ünal'
MESSAGE: Json = {
    "template": True,
    "title": "Hi {{ device.attributes.name }}",
    "body": "{{ device.attributes.unread }} new{% if device.locale|default('en') == 'de' %}, danke{% endif %}",
    "badge": "{{ device.attributes.unread }}",
    "data": {"who": "{{ device.user|default('nobody') }}", "same": "100 %"},
}


def payloads(scene: Scene, dev: Dev) -> list[Any]:
    """The bodies that the provider was sent for this device."""
    return [json.loads(one["body"]) for one in scene.asked([dev])]


async def test_each_device_is_told_what_is_its_own(scene: Scene) -> None:
    told = {"name": NAME, "unread": 3}
    (apple,) = await scene.devices("apns", 1, user="ada", attributes=told, locale="de")
    (google,) = await scene.devices("fcm", 1, attributes={**told, "unread": 0})
    report = await scene.run(message=MESSAGE)
    assert fates(report) == {"planned": 2, "delivered": 2}
    (payload,) = payloads(scene, apple)
    alert = {"title": f"Hi {NAME}", "body": "3 new, danke"}
    assert payload == {"who": "ada", "same": "100 %", "aps": {"alert": alert, "badge": 3}}
    (body,) = payloads(scene, google)
    message = body["message"]
    assert message["token"] == google.token
    assert message["notification"] == {"title": f"Hi {NAME}", "body": "0 new"}
    assert message["android"]["notification"]["notification_count"] == 0
    assert message["data"] == {"who": "nobody", "same": "100 %"}


async def test_who_lacks_a_value_is_one_failure_and_nobody_else_is_harmed(scene: Scene) -> None:
    fine = await scene.crowd("apns", 45, attributes={"name": "Ann", "unread": 1})
    bare = await scene.crowd("apns", 3, attributes={"unread": 1})
    long = await scene.crowd("apns", 2, attributes={"name": "x" * 5000, "unread": 1})
    report = await scene.run(message=MESSAGE)
    assert fates(report) == {"planned": 50, "delivered": 45, "failed": 3, "rejected": 2}
    assert report["total"]["reasons"] == {"failed": {"rendering": 3}, "rejected": {"PayloadTooLarge": 2}}
    assert scene.accepted(fine) == {1: 45}
    assert scene.asked([*bare, *long]) == []


@pytest.mark.parametrize("named", ["users", "devices", "tokens", "tags"])
async def test_a_retry_says_the_same_again_whoever_was_named(scene: Scene, named: str) -> None:
    told = {"name": NAME, "unread": 7}
    (dev,) = await scene.devices("fcm", 1, user="bob", attributes=told, tags=["news"])
    await scene.providers.script("fcm", dev.token, {"status": 503, "reason": "UNAVAILABLE", "retry_after": "20"})
    audience: dict[str, Json] = {
        "users": {"users": ["bob"]},
        "devices": {"devices": [dev.id]},
        "tokens": {"tokens": {scene.variants["fcm"]: [dev.token]}},
        "tags": {"tags": {"any": ["news"]}},
    }
    report = await scene.run(audience[named], message=MESSAGE)
    assert fates(report) == {"planned": 1, "delivered": 1}
    first, second = (one["message"] for one in payloads(scene, dev))
    assert first["notification"] == second["notification"] == {"title": f"Hi {NAME}", "body": "7 new"}
    assert first["data"] == second["data"] == {"who": "bob", "same": "100 %"}


async def test_a_raw_token_that_nobody_registered_has_no_attributes(scene: Scene) -> None:
    token = new_token("apns")
    raw = {"tokens": {scene.variants["apns"]: [token]}}
    report = await scene.run(raw, message=MESSAGE)
    assert report["total"]["reasons"] == {"failed": {"rendering": 1}}
    assert scene.providers.asked("apns", [token]) == []


async def test_many_small_sends_with_and_without_templates_are_worked_together(scene: Scene) -> None:
    users = await scene.devices("apns", 6, user="u{}", attributes={"name": "Eve", "unread": 2})
    plain = {"title": "{{ device.attributes.name }}"}
    messages = [MESSAGE if n % 2 else plain for n in range(6)]
    sends = [scene.send({"users": [f"u{n}"]}, message=message) for n, message in enumerate(messages)]
    for one in await asyncio.gather(*sends):
        assert fates(await scene.finished(one)) == {"planned": 1, "delivered": 1}
    titles = [payloads(scene, dev)[0]["aps"]["alert"]["title"] for dev in users]
    assert titles == ["Hi Eve" if n % 2 else "{{ device.attributes.name }}" for n in range(6)]


BAD: list[tuple[Json, str]] = [
    ({"template": True, "title": "{{ nobody }}"}, "/message/title"),
    ({"template": True, "data": {"a": "{% if device.user %}"}}, "/message/data/a"),
    ({"template": True, "title": "T", "collapse_key": "{{ device.id }}"}, "/message/collapse_key"),
    ({"template": True, "apns": {"payload": {"a": ["{{ 1 + }}"]}}}, "/message/apns/payload/a/0"),
    ({"title": "T", "badge": "{{ device.attributes.unread }}"}, "/message/badge"),
    ({"template": True, "title": "T", "badge": "many"}, "/message/badge"),
]


@pytest.mark.parametrize(("message", "pointer"), BAD, ids=[pointer for _, pointer in BAD])
async def test_what_cannot_be_rendered_for_anyone_is_refused(scene: Scene, message: Json, pointer: str) -> None:
    assert await scene.refused({"variants": list(scene.variants.values())}, message=message) == [pointer]
