"""Values of each recipient's own, languages of each device's own and stored templates, from both doors to the phone."""

import json
import secrets

import pytest

from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Scene, fates
from tests.integration.flow.test_templates import payloads

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
SEAT: Json = {"template": True, "title": "Seat {{ values.seat }}", "body": "{{ values.extras|default([])|join(', ') }}"}


def alert(scene: Scene, dev: object) -> Json:
    """What an Apple device shows."""
    (payload,) = payloads(scene, dev)  # type: ignore[arg-type]  # a Dev
    found: Json = payload["aps"]["alert"]
    return found


@pytest.mark.parametrize("count", [3, 50])
async def test_each_recipient_gets_the_values_that_came_with_the_send(scene: Scene, count: int) -> None:
    """Few stay in the send; many are stored in parts."""
    apple = await scene.devices("apns", count, user="u{}")
    google = await scene.devices("fcm", 2, user="u{}")
    users = [f"u{n}" for n in range(count)]
    values = {user: {"seat": f"{n}ü", "extras": ["tea", n]} for n, user in enumerate(users[:-1])}
    report = await scene.run({"users": users}, message=SEAT, values=values)
    assert fates(report) == {"planned": count + 2, "delivered": count + 1, "failed": 1}
    assert report["total"]["reasons"] == {"failed": {"rendering": 1}}
    for n, dev in enumerate(apple[:-1]):
        assert alert(scene, dev) == {"title": f"Seat {n}ü", "body": f"tea, {n}"}
    for n, dev in enumerate(google):
        assert payloads(scene, dev)[0]["message"]["notification"] == {"title": f"Seat {n}ü", "body": f"tea, {n}"}


async def test_small_sends_that_are_worked_together_keep_their_own_values(scene: Scene) -> None:
    (dev,) = await scene.devices("apns", 1, user="ada")
    sends = [await scene.send({"users": ["ada"]}, message=SEAT, values={"ada": {"seat": n}}) for n in range(8)]
    for one in sends:
        assert fates(await scene.finished(one)) == {"planned": 1, "delivered": 1}
    assert sorted(one["aps"]["alert"]["title"] for one in payloads(scene, dev)) == [f"Seat {n}" for n in range(8)]


@pytest.mark.parametrize("count", [1, 11])
async def test_a_retry_says_the_same_values_again(scene: Scene, count: int) -> None:
    devices = await scene.devices("fcm", count, user="u{}")
    step = {"status": 503, "reason": "UNAVAILABLE", "retry_after": "20"}
    await scene.providers.script("fcm", devices[0].token, step)
    users = [f"u{n}" for n in range(count)]
    values = {user: {"seat": user} for user in users}
    report = await scene.run({"users": users}, message=SEAT, values=values, within=60)
    assert fates(report) == {"planned": count, "delivered": count}
    first, second = (one["message"]["notification"] for one in payloads(scene, devices[0]))
    assert first["title"] == second["title"] == "Seat u0"


@pytest.mark.parametrize("template", [False, True])
async def test_each_device_is_told_in_its_language(scene: Scene, *, template: bool) -> None:
    name = " {{ device.user|default('you') }}" if template else ""
    message = {
        "template": template,
        "title": f"Hello{name}",
        "body": "It is on its way.",
        "data": {"link": "/en"},
        "localized": {
            "de": {"title": f"Hallo{name}", "body": "Ist unterwegs.", "data": {"link": "/de"}},
            "pt-BR": {"title": f"Olá{name}"},
        },
        "fallbacks": {"gsw": ["de"]},
    }
    said = {None: "Hello", "en": "Hello", "de-AT": "Hallo", "gsw-CH": "Hallo", "pt-br": "Olá", "pt": "Hello"}
    devices = {
        (platform, locale): (await scene.devices(platform, 1, locale=locale))[0]
        for platform in ("apns", "fcm")
        for locale in said
    }
    report = await scene.run(message=message)
    assert fates(report) == {"planned": 12, "delivered": 12}
    for (platform, locale), dev in devices.items():
        (payload,) = payloads(scene, dev)
        shown = payload["aps"]["alert"] if platform == "apns" else payload["message"]["notification"]
        title = said[locale] + (" you" if template else "")
        german = said[locale] == "Hallo"
        assert shown == {"title": title, "body": "Ist unterwegs." if german else "It is on its way."}, locale
        data = payload if platform == "apns" else payload["message"]["data"]
        assert data["link"] == ("/de" if german else "/en")


async def test_what_is_wrong_with_a_translation_is_named_and_nothing_is_sent(scene: Scene) -> None:
    message = {
        "title": "Hello",
        "localized": {
            "de": {"title": "x" * 4090},
            "fr": {"body": "not said"},
            "it": {"data": {"a": "b"}},
        },
    }
    pointers = set(await scene.refused(message=message))
    assert {"/message/localized/fr/body", "/message/localized/it/data/a"} <= pointers
    assert any(pointer.startswith("/message/localized/de") for pointer in pointers), pointers


async def test_a_send_refers_to_a_stored_template_and_keeps_what_it_said_then(scene: Scene) -> None:
    (dev,) = await scene.devices("apns", 1, user="ada")
    name = f"seat.{secrets.token_hex(3)}"
    for title in ("One {{ values.seat }}", "Two {{ values.seat }}"):
        made = await scene.call("POST", "/v1/templates", {"name": name, "message": {**SEAT, "title": title}})
        assert made.status_code == 201, made.text
    rest: Json = {"audience": {"users": ["ada"]}, "values": {"ada": {"seat": "3L"}}}
    for template in ({"name": name}, {"name": name, "version": 1}):
        await scene.run(template=template, **rest)
    assert {one["aps"]["alert"]["title"] for one in payloads(scene, dev)} == {"One 3L", "Two 3L"}
    for template, pointer in (({"name": name, "version": 3}, "/template"), ({"name": "nonesuch"}, "/template")):
        assert await scene.refused(template=template, **rest) == [pointer]


async def test_a_preview_is_what_the_device_then_gets(scene: Scene) -> None:
    apple = (await scene.devices("apns", 1, user="ada", locale="de"))[0]
    google = (await scene.devices("fcm", 1, user="ada", locale="de"))[0]
    message = {**SEAT, "localized": {"de": {"title": "Platz {{ values.seat }}"}}}
    values = {"seat": "3L", "extras": ["Tee"]}
    shown = {}
    for dev in (apple, google):
        answer = await scene.call(
            "POST", "/v1/templates:preview", {"message": message, "device": dev.id, "values": values}
        )
        assert answer.status_code == 200, answer.text
        shown[dev.platform] = answer.json()
        assert dev.token not in answer.text
    await scene.run({"users": ["ada"]}, message=message, values={"ada": values})
    assert shown["apns"]["payload"] == payloads(scene, apple)[0]
    assert shown["apns"]["headers"]["apns-push-type"] == "alert"
    sent = payloads(scene, google)[0]["message"]
    assert (
        shown["fcm"]["payload"]["message"]["notification"]
        == sent["notification"]
        == {"title": "Platz 3L", "body": "Tee"}
    )
    bare = await scene.call("POST", "/v1/templates:preview", {"message": SEAT, "device": apple.id})
    assert (bare.status_code, bare.json()["errors"][0]["pointer"]) == (422, "/device")
    assert "rendering" in bare.json()["detail"]
    assert json.loads(bare.content)["status"] == 422
