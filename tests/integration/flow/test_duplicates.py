"""What may be sent twice and what never: after an answer that was lost, and on the wire of a repeat."""

import pytest

from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Scene, fates, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
LOST = {"drop": "close", "processed": True}
RESET = {"drop": "reset", "processed": True}


async def test_never_is_not_sent_again_after_an_answer_was_lost_and_ends_as_unknown(scene: Scene) -> None:
    devices = [*await scene.devices("fcm", 3), *await scene.devices("apns", 2)]
    for dev in devices:
        await scene.providers.script(dev.platform, dev.token, LOST)
    report = await scene.run(duplicates="never", ttl=120)
    assert report["total"]["planned"] == report["total"]["failed"] == 5
    assert report["total"]["reasons"]["failed"] == {"unknown_outcome": 5}
    assert scene.accepted(devices) == {1: 5}


async def test_never_is_sent_when_no_connection_was_made_because_then_nothing_was_sent(scene: Scene) -> None:
    devices = await scene.devices("fcm", 2)
    await scene.providers.call("POST", "/fcm/goaway", {"mode": "close"})
    async with scene.providers.knobs("fcm", refuse_connections=2):
        assert fates(await scene.run(duplicates="never")) == {"planned": 2, "delivered": 2}
    assert scene.accepted(devices) == {1: 2}


async def test_a_repeat_carries_the_same_id_and_collapse_id_so_that_a_phone_shows_it_once(scene: Scene) -> None:
    devices = await scene.devices("apns", 2)
    for dev in devices:
        await scene.providers.script("apns", dev.token, LOST)
    message = {"title": "Ding", "collapse_key": "score"}
    assert fates(await scene.run(message=message, ttl=120)) == {"planned": 2, "delivered": 2}
    for dev in devices:
        first, second = [one for one in scene.asked([dev]) if one["status"] == 200]
        assert header(first, "apns-id") == header(second, "apns-id") is not None
        assert header(first, "apns-collapse-id") == header(second, "apns-collapse-id") == "score"
        shown = await scene.providers.call("GET", f"/apns/devices/{dev.token}/shown")
        assert len(shown["on_screen"]) == 1


async def test_without_a_collapse_key_a_repeat_collapses_on_the_sends_own_id(scene: Scene) -> None:
    apns, fcm = (await scene.devices("apns"))[0], (await scene.devices("fcm"))[0]
    for dev in (apns, fcm):
        await scene.providers.script(dev.platform, dev.token, LOST)
    await scene.run(ttl=120)
    assert scene.accepted([apns, fcm]) == {2: 2}
    for dev in (apns, fcm):
        shown = await scene.providers.call("GET", f"/{dev.platform}/devices/{dev.token}/shown")
        assert len(shown["on_screen"]) == 1
    assert not any("collapse_key" in one["body"] for one in scene.asked([fcm]))


async def test_accepted_and_dropped_is_repeated_only_where_a_repeat_is_allowed(scene: Scene) -> None:
    devices = await scene.devices("fcm", 40)
    for dev in devices[:4]:
        await scene.providers.script("fcm", dev.token, RESET)
    report = await scene.run(duplicates="never", ttl=120)
    assert fates(report) == {"planned": 40, "delivered": 36, "failed": 4}
    assert scene.accepted(devices) == {1: 40}
    for dev in devices[:4]:
        await scene.providers.script("fcm", dev.token, RESET)
    assert fates(await scene.run(duplicates="allow", ttl=120)) == {"planned": 40, "delivered": 40}
    assert scene.accepted(devices) == {2: 36, 3: 4}


async def test_a_collapse_id_of_64_bytes_passes_and_one_of_more_is_refused_at_the_door(scene: Scene) -> None:
    (dev,) = await scene.devices("apns")
    fits = "€" * 21 + "a"
    assert fates(await scene.run(message={"title": "a", "collapse_key": fits})) == {"planned": 1, "delivered": 1}
    assert header(scene.asked([dev])[0], "apns-collapse-id") == fits
    assert set(await scene.refused(message={"title": "a", "collapse_key": fits + "b"})) == {"/message/collapse_key"}
    assert len(scene.asked([dev])) == 1


async def test_the_expiration_header_is_nothing_zero_or_a_moment(scene: Scene) -> None:
    (dev,) = await scene.devices("apns")
    soon, before = int(utc().timestamp()) + 300, utc().timestamp()
    for expiration in ({}, {"expiration": 0}, {"expiration": soon}):
        assert fates(await scene.run(message={"title": "a", "apns": expiration}, ttl=600)) == {
            "planned": 1, "delivered": 1,
        }  # fmt: skip
    unset, zero, minute = [header(one, "apns-expiration") for one in scene.asked([dev])]
    assert (zero, minute) == ("0", str(soon))
    assert unset is None or before + 599 <= int(unset) <= utc().timestamp() + 600


def header(asked: Json, name: str) -> str | None:
    return next((value for key, value in asked["headers"] if key == name), None)
