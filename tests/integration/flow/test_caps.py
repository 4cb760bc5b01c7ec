"""Frequency caps from either door to the providers: one each, whoever races, fails, or is killed in between."""

import asyncio

import pytest

from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, fates, until
from tests.integration.flow.test_attempts import BUSY
from tests.integration.flow.test_selectors import rules, tokens, told

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
DAY = 86_400
SLOW = {"median": 0.3}


async def capped(scene: Scene, most: int = 1, per: int = DAY) -> None:
    await rules(scene, caps={"ads": {"most": most, "per": per}})


def suppressed(report: Json) -> Json:
    found: Json = report["total"]["reasons"].get("suppressed", {})
    return found


async def test_a_user_gets_no_more_of_a_category_than_its_cap_says(scene: Scene) -> None:
    """Whoever it is for; other categories and what is critical go on."""
    await capped(scene, most=2)
    apns, fcm = await scene.devices("apns", 4, user="u{}", tags=["news"]), await scene.devices("fcm", 4, user="u{}")
    nobodys = await scene.devices("fcm", 1)
    everyone = [*apns, *fcm, *nobodys]
    audiences: list[Json] = [
        {"tags": {"any": ["news"]}},
        {"users": ["u0", "u9"]},
        {"everyone": True},
        {"everyone": True},
    ]
    for audience, reached in zip(
        audiences,
        # two places each: u0 has had both before the third; whom the second did not name has one left for it
        [apns, [apns[0], fcm[0]], [*apns[1:], *fcm[1:], *nobodys], nobodys],
        strict=True,
    ):
        report, got = await told(scene, everyone, audience=audience, category="ads")
        assert got == tokens(reached), audience
        assert set(suppressed(report)) <= {"capped"}
    for request in ({"category": "ads", "critical": True}, {"category": "news"}, {}):
        report, got = await told(scene, everyone, audience={"everyone": True}, **request)
        assert (fates(report), got) == ({"planned": 9, "delivered": 9}, tokens(everyone))


async def test_two_sends_at_once_to_one_user_deliver_one_and_the_other_tells_why(scene: Scene) -> None:
    await capped(scene)
    phone, tablet = [*await scene.devices("apns", user="ada"), *await scene.devices("fcm", user="ada")]
    audiences: list[Json] = [{"users": ["ada"]}, {"everyone": True}, {"devices": [phone.id, tablet.id]}]
    sends = await asyncio.gather(*(scene.send(one, category="ads") for one in [*audiences, *audiences]))
    reports = await asyncio.gather(*map(scene.finished, sends))
    assert sorted(one["total"]["delivered"] for one in reports) == [0, 0, 0, 0, 0, 2]
    assert [suppressed(one) for one in reports if not one["total"]["delivered"]] == [{"capped": 2}] * 5
    assert scene.accepted([phone, tablet]) == {1: 2}
    kept_back = next(one for one, report in zip(sends, reports, strict=True) if not report["total"]["delivered"])
    story = (await scene.call("GET", f"/v1/sends/{kept_back}/devices/{phone.id}")).json()
    assert (story["outcome"], story["reason"], story["addressed"]) == ("suppressed", "capped", True)


async def test_in_a_batch_of_single_sends_the_first_ones_have_the_places(scene: Scene) -> None:
    await capped(scene, most=3)
    ada, bob = await scene.devices("fcm", 2, user="u{}")
    one = {"message": {"title": "Ding"}, "category": "ads"}
    sends = [{**one, "audience": {"users": [user]}} for user in ("u0", "u1") for _ in range(10)]
    reports = await asyncio.gather(*(scene.finished(each["id"]) for each in await scene.door.several(sends)))
    for own in (reports[:10], reports[10:]):
        assert sum(each["total"]["delivered"] for each in own) == 3
        assert sum(suppressed(each).get("capped", 0) for each in own) == 7
    assert scene.accepted([ada, bob]) == {3: 2}


async def test_who_was_certainly_not_reached_may_hear_of_the_next_one(scene: Scene) -> None:
    await capped(scene)
    (dead,) = await scene.devices("fcm", user="ada", known={"state": "unregistered"})
    report, _ = await told(scene, [dead], audience={"users": ["ada"]}, category="ads")
    assert fates(report) == {"planned": 1, "unregistered": 1}
    (fresh,) = await scene.devices("fcm", user="ada")

    async def heard() -> bool:
        _, reached = await told(scene, [fresh], audience={"users": ["ada"]}, category="ads")
        return reached == {fresh.token}

    await until(heard)  # the place comes back after the report is whole
    report, reached = await told(scene, [fresh], audience={"users": ["ada"]}, category="ads")
    assert (suppressed(report), reached) == ({"capped": 1}, set())


async def test_what_is_tried_again_keeps_its_place_and_counts_once(scene: Scene) -> None:
    """A retry goes on under the place of its first attempt; another send meanwhile finds it taken."""
    await capped(scene)
    (one,) = await scene.devices("fcm", user="ada")
    await scene.providers.script("fcm", one.token, BUSY, BUSY)
    first = await scene.send({"users": ["ada"]}, category="ads")
    await until(lambda: len(scene.asked([one])) >= 1)
    report, _ = await told(scene, [], audience={"users": ["ada"]}, category="ads")
    assert suppressed(report) == {"capped": 1}
    assert fates(await scene.finished(first)) == {"planned": 1, "delivered": 1}
    assert scene.accepted([one]) == {1: 1}
    assert await places(scene) == [1]


async def test_a_kill_between_reserving_and_sending_counts_nothing_twice(frail: Scene) -> None:
    """A worker dies with places taken and requests under way: whoever goes on finds them taken by the same send."""
    await capped(frail, most=2)
    devices: list[Dev] = await frail.devices("fcm", 120, user="u{}")
    process = frail.fleet.processes["delivery-fcm"]
    async with frail.providers.knobs("fcm", latency=SLOW):
        first = await frail.send(category="ads")
        await until(lambda: len(frail.asked(devices)) >= 20)
        await asyncio.to_thread(process.kill)
        await asyncio.to_thread(process.start)
        assert fates(await frail.finished(first)) == {"planned": 120, "delivered": 120}
    reports = [await frail.run(category="ads") for _ in range(2)]
    assert fates(reports[0]) == {"planned": 120, "delivered": 120}
    assert suppressed(reports[1]) == {"capped": 120}
    assert await places(frail) == [2] * 120


async def places(scene: Scene) -> list[int]:
    """How many sends have one, of every user."""
    found = scene.store.database["caps"].find({"_id": {"$gte": f"{scene.app}.", "$lt": f"{scene.app}/"}})
    return [len(one["b"][0]["sent"]) for one in await found.to_list(None)]


async def test_a_dry_run_reports_who_has_had_enough_and_takes_no_place(scene: Scene) -> None:
    """Of APNs, too, which checks no message."""
    await capped(scene)
    apns, fcm = await scene.devices("apns", 2, user="u{}"), await scene.devices("fcm", 2, user="u{}")
    for _ in range(2):
        report = await scene.run(category="ads", dry_run=True)
        assert fates(report) == {"planned": 4, "delivered": 4}
    assert fates(await scene.run({"users": ["u0"]}, category="ads")) == {"planned": 2, "delivered": 2}
    report = await scene.run(category="ads", dry_run=True)
    assert (fates(report), suppressed(report)) == ({"planned": 4, "delivered": 2, "suppressed": 2}, {"capped": 2})
    assert {one["platform"]: one["suppressed"] for one in report["variants"]} == {"apns": 1, "fcm": 1}
    assert fates(await scene.run({"users": ["u1"]}, category="ads")) == {"planned": 2, "delivered": 2}
    assert scene.accepted([*apns, *fcm])[2] == 0
