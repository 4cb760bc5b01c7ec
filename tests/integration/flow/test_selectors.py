"""Filters, exclude lists, staleness, categories, segments, topics: from either door to those who were told."""

import asyncio
import json
import secrets
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.store.devices import Registration
from tests.integration.flow.providers import Json, entry, new_token
from tests.integration.flow.scene import BY_BOTH_DOORS, Dev, Scene, fates, until

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]


async def told(
    scene: Scene, everyone: list[Dev], audience: Json | None = None, **request: Any
) -> tuple[Json, set[str]]:
    """The report, and the tokens that were told; each once."""
    before = accepted(scene, everyone)
    report = await scene.run(audience, **request)
    more = accepted(scene, everyone) - before
    assert set(more.values()) <= {1}
    return report, set(more)


def accepted(scene: Scene, devices: list[Dev]) -> Counter[str]:
    return Counter(one["token"] for one in scene.asked(devices) if one["status"] == 200)


def tokens(devices: list[Dev]) -> set[str]:
    return {dev.token for dev in devices}


async def test_a_filter_reaches_exactly_those_who_fit(scene: Scene) -> None:
    gold, free, old, plain = await asyncio.gather(
        scene.devices("apns", 3, attributes={"plan": "gold", "age": 40}, locale="de-AT", app_version="2.10"),
        scene.devices("fcm", 3, attributes={"plan": "free", "age": 17}, locale="de", app_version="2.9", user="u{}"),
        scene.devices("fcm", 2, attributes={"plan": "gold"}, locale="pt-BR", os_version="12", zone="America/Lima"),
        scene.devices("apns", 2, tags=["news"]),
    )
    everyone = [*gold, *free, *old, *plain]
    cases: list[tuple[Json, list[Dev]]] = [
        ({"filter": {"field": "attributes.plan", "eq": "gold"}}, [*gold, *old]),
        ({"filter": {"field": "attributes.age", "gte": 18}}, gold),
        ({"filter": {"field": "language", "eq": "de"}}, [*gold, *free]),
        ({"filter": {"field": "app_version", "gt": "2.9"}}, gold),
        ({"filter": {"not": {"field": "attributes.plan", "exists": True}}}, plain),
        ({"filter": {"field": "registered_at", "gte": "-1h"}}, everyone),
        ({"filter": {"field": "registered_at", "lt": "-1h"}}, []),
        (
            {"filter": {"or": [{"field": "zone", "eq": "America/Lima"}, {"field": "tags", "eq": "news"}]}},
            [*old, *plain],
        ),
        ({"filter": {"and": [{"field": "attributes.plan", "eq": "gold"}, {"field": "platform", "eq": "fcm"}]}}, old),
        ({"filter": {"field": "attributes.plan", "eq": "gold"}, "platforms": ["apns"]}, gold),
        ({"users": ["u0", "u1"], "filter": {"field": "locale", "eq": "de"}}, free[:2]),
        ({"users": ["u0", "u1"], "filter": {"field": "locale", "eq": "fr"}}, []),
        ({"devices": [gold[0].id, old[0].id], "filter": {"field": "attributes.age", "exists": True}}, gold[:1]),
    ]
    results = await asyncio.gather(*(told_of(scene, audience) for audience, _ in cases))
    for (audience, expected), planned in zip(cases, results, strict=True):
        assert planned == len(expected), audience
    for audience, expected in (*cases[:2], cases[-1]):
        report, reached = await told(scene, everyone, audience=audience)
        assert reached == tokens(expected), audience
        assert fates(report) == {"planned": len(expected), "delivered": len(expected)}


async def told_of(scene: Scene, audience: Json) -> int:
    report = await scene.run(audience)
    assert report["total"]["delivered"] == report["total"]["planned"]
    return int(report["total"]["planned"])


async def test_whom_a_send_leaves_out_is_counted_with_the_reason(scene: Scene) -> None:
    ada, bob, eve = [await scene.devices("fcm", 2, user=name) for name in ("ada", "bob", "eve")]
    many = await scene.crowd("apns", 40)
    everyone = [*ada, *bob, *eve, *many]
    left_out = {"users": ["ada", "nobody"], "devices": [bob[0].id]}
    report, reached = await told(scene, everyone, audience={"everyone": True, "exclude": left_out})
    assert fates(report) == {"planned": 46, "delivered": 43, "suppressed": 3}
    assert report["total"]["reasons"]["suppressed"] == {"excluded": 3}
    assert reached == tokens([bob[1], *eve, *many])
    stored = {"users": [f"n{n}" for n in range(30)] + ["ada"], "devices": [dev.id for dev in many[:30]]}
    report, reached = await told(scene, everyone, audience={"everyone": True, "exclude": stored})
    assert report["total"]["reasons"]["suppressed"] == {"excluded": 32}
    assert reached == tokens([*bob, *eve, *many[30:]])
    small: Json = {"users": ["ada", "bob"], "exclude": {"users": ["bob"]}}
    report, reached = await told(scene, everyone, audience=small)
    assert (fates(report), reached) == ({"planned": 4, "delivered": 2, "suppressed": 2}, tokens(ada))


async def test_devices_not_seen_for_long_are_suppressed_as_stale(scene: Scene) -> None:
    fresh = await scene.devices("apns", 2)
    stale = [await registered(scene, "apns", days=40) for _ in range(3)]
    report, reached = await told(scene, [*fresh, *stale], audience={"everyone": True}, stale_after_days=30)
    assert fates(report) == {"planned": 5, "delivered": 2, "suppressed": 3}
    assert report["total"]["reasons"]["suppressed"] == {"stale": 3}
    assert reached == tokens(fresh)
    report, reached = await told(scene, [*fresh, *stale], audience={"everyone": True}, stale_after_days=50)
    assert (fates(report), len(reached)) == ({"planned": 5, "delivered": 5}, 5)


async def registered(scene: Scene, platform: str, days: int) -> Dev:
    token, at = new_token(platform), datetime.now(UTC) - timedelta(days=days)
    await scene.providers.know(platform, [entry(platform, token, scene.project, {})])
    registration = Registration(scene.app, scene.variants[platform], platform, token)
    return Dev((await scene.store.devices.register(registration, at))[0].hex(), platform, token)


async def test_a_device_is_told_of_the_categories_that_it_wants(scene: Scene) -> None:
    wants, wants_not, silent = await scene.devices("apns", 3)
    for device, verb in ((wants, "subscribe"), (wants_not, "unsubscribe")):
        answer = await scene.call(
            "POST", f"/v1/devices/{device.id}:{verb}", {"categories": ["ads"]}, scene.client_secret
        )
        assert answer.status_code == 200, answer.text
    everyone = [wants, wants_not, silent]
    report, reached = await told(scene, everyone, audience={"everyone": True}, category="ads")
    assert (fates(report), reached) == ({"planned": 3, "delivered": 2, "suppressed": 1}, tokens([wants, silent]))
    assert report["total"]["reasons"]["suppressed"] == {"opted_out": 1}
    await rules(scene, opt_in=["ads"])
    report, reached = await told(scene, everyone, audience={"everyone": True}, category="ads")
    assert report["total"]["reasons"]["suppressed"] == {"opted_out": 1, "not_opted_in": 1}
    assert reached == tokens([wants])
    report, _ = await told(scene, everyone, audience={"everyone": True}, category="other")
    assert fates(report) == {"planned": 3, "delivered": 3}


async def rules(scene: Scene, **said: Any) -> None:
    """And waits until every process has taken them up."""
    answer = await scene.call("PUT", f"/v1/apps/{scene.app}/rules", said, scene.fleet.admin_key)
    assert answer.status_code == 200, answer.text
    await asyncio.sleep(1.2)


async def test_a_segment_means_what_it_meant_when_the_send_was_accepted(scene: Scene) -> None:
    red, blue = await scene.devices("apns", 2, tags=["red"]), await scene.devices("fcm", 3, tags=["blue"])
    everyone, name = [*red, *blue], f"team-{secrets.token_hex(3)}"
    body = {"name": name, "filter": {"field": "tags", "eq": "red"}}
    assert (await scene.call("POST", "/v1/segments", body)).status_code == 201
    _, reached = await told(scene, everyone, audience={"segments": [name]})
    assert reached == tokens(red)
    _, reached = await told(scene, everyone, audience={"filter": {"not": {"segment": name}}})
    assert reached == tokens(blue)
    async with scene.providers.knobs("apns", latency={"median": 0.5}):
        first = await scene.send({"segments": [name]})
        changed = {"filter": {"field": "tags", "eq": "blue"}}
        assert (await scene.call("PUT", f"/v1/segments/{name}", changed)).status_code == 200
        assert fates(await scene.finished(first)) == {"planned": 2, "delivered": 2}
    _, reached = await told(scene, everyone, audience={"segments": [name]})
    assert reached == tokens(blue)
    assert await scene.refused({"segments": [name, "gone"]}) == ["/audience/segments/1"]


async def test_a_topic_is_one_request_for_whoever_subscribed(scene: Scene) -> None:
    await scene.devices("fcm", 2)
    tag = secrets.token_hex(3)
    report = await scene.run({"topic": f"news-{tag}"})
    assert fates(report) == {"planned": 1, "delivered": 1}
    condition = f"'a-{tag}' in topics && !('b' in topics)"
    report = await scene.run({"condition": condition, "platforms": ["fcm"]})
    assert fates(report) == {"planned": 1, "delivered": 1}
    log = [one for one in scene.providers.log("fcm") if scene.project in json.dumps(one)]
    assert sum(f"news-{tag}" in json.dumps(one) and one["status"] == 200 for one in log) == 1
    assert sum(f"a-{tag}" in json.dumps(one) and one["status"] == 200 for one in log) == 1
    long = {"title": "x" * 2200}
    report = await scene.run({"topic": "news"}, message=long)
    assert report["total"]["reasons"]["rejected"] == {"PayloadTooLarge": 1}
    wrongs: list[tuple[Json, str]] = [
        ({"audience": {"topic": "news", "platforms": ["apns"]}}, "/audience"),
        ({"audience": {"topic": "news", "filter": {"field": "tags", "eq": "a"}}}, "/audience"),
        ({"audience": {"topic": "no such name"}}, "/audience/topic"),
        ({"audience": {"condition": "'a' in topics &&"}}, "/audience/condition"),
        ({"audience": {"topic": "news"}, "message": {"template": True, "title": "Ding"}}, "/message/template"),
    ]
    for request, pointer in wrongs:
        assert await scene.refused(**request) == [pointer]


async def test_a_send_to_more_than_the_rule_allows_waits_for_a_confirmation(scene: Scene) -> None:
    devices = await scene.devices("apns", 3, tags=["a"], user="u{}")
    await rules(scene, confirm_above=2)
    many: list[Json] = [{"everyone": True}, {"tags": {"any": ["a"]}}, {"users": ["u0", "u1", "u2"]}]
    for audience in many:
        assert await scene.refused(audience) == ["/confirm"], audience
    assert accepted(scene, devices) == Counter()
    assert fates(await scene.run({"users": ["u0", "u1", "u0", "u1"]})) == {
        "planned": 2, "delivered": 2,
    }  # fmt: skip
    confirmed = await scene.run({"everyone": True}, confirm=True)
    assert fates(confirmed) == {"planned": 3, "delivered": 3}


async def test_a_filtered_send_survives_the_death_of_those_who_work_it(frail: Scene) -> None:
    fitting = await frail.crowd("fcm", 300, attributes={"plan": "gold"}, locale="de")
    others = await frail.crowd("fcm", 100, attributes={"plan": "free"}, locale="de")
    filter_ = {"and": [{"field": "language", "eq": "de"}, {"field": "attributes.plan", "eq": "gold"}]}
    worker, planner = (frail.fleet.processes[name] for name in ("delivery-fcm", "planner"))
    async with frail.providers.knobs("fcm", latency={"median": 0.3}):
        send = await frail.send({"filter": filter_, "exclude": {"devices": [dev.id for dev in fitting[:20]]}})
        await until(lambda: len(frail.asked(fitting)) >= 60)
        for process in (worker, planner):
            await asyncio.to_thread(process.kill)
        plan = await frail.store.plans.get(frail.key(send))
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in (worker, planner)))
        report = await frail.finished(send, 40)
    assert fates(report) == {"planned": 300, "delivered": 280, "suppressed": 20}
    assert await frail.store.plans.get(frail.key(send)) == plan
    assert plan is not None
    assert plan.routes[-1].look == 1
    counts = frail.accepted(fitting)
    assert (counts[0], counts[1] + counts[2]) == (20, 280)
    assert counts[2] <= 20 * 8
    assert frail.accepted(others) == {0: 100}
