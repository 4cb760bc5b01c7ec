"""What became of a send, over HTTP: the full report, as CSV, beside others, from day to day; and followed live."""

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.flow.providers import Json
from tests.integration.flow.scene import BY_BOTH_DOORS, FATES, Scene, until, utc

pytestmark = [pytest.mark.anyio, BY_BOTH_DOORS]
Event = tuple[int, str, Json]


async def got(scene: Scene, path: str, key: str | None = None, accept: str = "*/*") -> Any:
    headers = {b"authorization": f"Bearer {key or scene.app_secret}".encode(), b"accept": accept.encode("latin-1")}
    answer = await scene.http.get(path, headers=headers)
    assert answer.is_success, answer.text
    return answer


async def mixed(scene: Scene) -> tuple[str, Json]:
    """A send of which some are delivered, at once and at a second attempt, some dead and some refused."""
    await scene.devices("apns", 30)
    await scene.devices("fcm", 8)
    (tired,) = await scene.devices("apns")
    await scene.providers.script("apns", tired.token, {"status": 429, "reason": "TooManyRequests"})
    await scene.devices("fcm", 2, known={"state": "unregistered"})
    await scene.register("apns", "ab" * 32)
    send = await scene.send()
    return send, await scene.finished(send)


async def test_the_full_report_says_what_the_short_one_says_and_when_and_how_fast(scene: Scene) -> None:
    send, short = await mixed(scene)
    full = (await got(scene, f"/v1/sends/{send}/report")).json()
    assert full["total"] == short["total"]
    assert full["variants"] == short["variants"]
    assert full["state"] == "finished"
    assert {one["platform"]: one["planned"] for one in full["platforms"]} == {"apns": 32, "fcm": 10}
    for fate in FATES:
        assert sum(one["outcomes"].get(fate, 0) for one in full["timeline"]["points"]) == full["total"][fate]
    assert full["total"]["delivered"] == 39
    latency = full["latency"]
    assert latency["accept_to_provider"]["n"] == 39
    assert latency["provider"]["n"] >= 42  # every answer, refusals and the second attempt among them
    for one in latency.values():
        assert 0 < one["p50"] <= one["p95"] <= one["p99"]
    assert latency["accept_to_provider"]["p99"] >= latency["accept_to_provider"]["p50"]
    assert full["accepted_at"] <= full["first_delivery_at"] <= full["last_delivery_at"] <= full["finished_at"]
    again = (await got(scene, f"/v1/sends/{send}/report")).json()
    assert again == full


async def test_as_csv_by_suffix_parameter_and_header_it_is_the_same(scene: Scene) -> None:
    send, report = await mixed(scene)
    path = f"/v1/sends/{send}/report"
    answers = [
        await got(scene, path + ".csv"),
        await got(scene, path + "?format=csv"),
        await got(scene, path, accept="text/csv"),
        await got(scene, path, accept="application/json;q=0.3, text/csv;q=0.9"),
    ]
    assert {one.text for one in answers} == {answers[0].text}
    assert {one.headers["content-type"] for one in answers} == {"text/csv; charset=utf-8"}
    found = list(csv.DictReader(io.StringIO(answers[0].text, newline="")))
    for fate in ("planned", *FATES):
        assert sum(int(row["notifications"]) for row in found if row["outcome"] == fate) == report["total"][fate]
    timeline = csv.DictReader(io.StringIO((await got(scene, path + ".csv?part=timeline")).text, newline=""))
    assert sum(int(row["delivered"]) for row in timeline) == report["total"]["delivered"]
    for accept in ("application/json, text/csv;q=0.1", "*/*", ""):
        assert (await got(scene, path, accept=accept)).headers["content-type"] == "application/json"


async def test_a_small_send_has_a_full_report_too_and_sends_stand_side_by_side(scene: Scene) -> None:
    await scene.devices("apns", user="ada")
    small = await scene.send({"users": ["ada"]})
    await scene.finished(small)
    large, _ = await mixed(scene)
    full = (await got(scene, f"/v1/sends/{small}/report")).json()
    assert (full["lane"], full["total"]["delivered"]) == ("now", 1)
    assert full["latency"]["accept_to_provider"]["n"] == 1
    found = (await got(scene, f"/v1/sends:compare?ids={large},{small}")).json()["sends"]
    assert [one["id"] for one in found] == [large, small]
    assert found[1]["shares"]["delivered"] == 1
    assert found[0]["shares"]["delivered"] == pytest.approx(40 / 43, abs=1e-6)
    table = await got(scene, f"/v1/sends:compare?ids={large},{small}", accept="text/csv;q=\xb2")
    assert [row["send"] for row in csv.DictReader(io.StringIO(table.text, newline=""))] == [large, small]
    refused = await scene.call("GET", f"/v1/sends:compare?ids={small},nosuchsend")
    assert refused.status_code == 422
    assert "nosuchsend" in refused.json()["detail"]


async def test_an_apps_day_is_the_sum_of_its_sends_and_is_shown_to_no_other(scene: Scene) -> None:
    today = utc().date()
    _, one = await mixed(scene)
    await scene.devices("fcm", user="bob")
    two = await scene.run({"users": ["bob"]})
    later = await scene.send(send_at=(utc() + timedelta(hours=1)).isoformat())
    await scene.order(later, "cancel")
    never = await scene.finished(later)
    assert never["total"]["cancelled"] == never["total"]["planned"] > 0
    (point,) = (await got(scene, f"/v1/sends/{later}/report")).json()["timeline"]["points"]
    assert point["outcomes"] == {"cancelled": never["total"]["planned"]}
    assert datetime.fromisoformat(point["at"]) <= utc()
    span = f"first={today - timedelta(days=1)}&last={utc().date()}"

    async def asked() -> Json:
        found: Json = (await got(scene, f"/v1/apps/{scene.app}/report?{span}")).json()
        return found

    await until(lambda: _counted(asked, sum(each["total"]["planned"] for each in (one, two, never))))
    found = await asked()
    for fate in ("planned", *FATES):
        assert found["total"][fate] == sum(each["total"][fate] for each in (one, two, never))
        assert sum(day["total"][fate] for day in found["days"]) == found["total"][fate]
    assert found["latency"]["bulk"]["accept_to_provider"]["n"] == one["total"]["delivered"]
    assert found["latency"]["now"]["accept_to_provider"]["n"] == 1
    for part in ("days", "outcomes"):
        table = await got(scene, f"/v1/apps/{scene.app}/report?{span}&format=csv&part={part}")
        rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
        planned = sum(int(row["notifications"]) for row in rows if row["outcome"] == "planned")
        assert planned == found["total"]["planned"]
    other = await scene.call("GET", "/v1/apps/another/report")
    assert other.status_code == 404
    wrong = await scene.call("GET", f"/v1/apps/{scene.app}/report?first=2030-01-02&last=2030-01-01")
    assert wrong.status_code == 422


async def _counted(asked: Any, planned: int) -> bool:
    return bool((await asked())["total"]["planned"] == planned)


# ── live ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def followed(scene: Scene, send: str, last: int | None = None) -> AsyncIterator[AsyncIterator[Event]]:
    headers: Mapping[str, str] = {"authorization": f"Bearer {scene.app_secret}"}
    if last is not None:
        headers = {**headers, "last-event-id": str(last)}
    async with scene.http.stream("GET", f"/v1/sends/{send}/events", headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.aiter_lines())


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    said: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line:
            said[name] = value
        elif "data" in said:
            yield int(said["id"]), said["event"], json.loads(said["data"])
            said = {}


async def all_of(scene: Scene, send: str, last: int | None = None) -> list[Event]:
    async with followed(scene, send, last) as events:
        return [one async for one in events]


async def test_a_send_is_followed_to_its_end_and_resumed_without_gap_or_repeat(scene: Scene) -> None:
    await scene.crowd("apns", 1200)
    (last,) = await scene.devices("fcm")  # refused until somebody has followed half-way: no sooner is the send over
    refused = {"status": 429, "reason": "QUOTA_EXCEEDED", "message": "Rate exceeded.", "retry_after": "90", "times": 30}
    await scene.providers.script("fcm", last.token, refused)
    async with scene.providers.knobs("apns", latency={"median": 0.3}):
        send = await scene.send()
        first: list[Event] = []
        async with followed(scene, send) as events:
            async for one in events:
                first.append(one)
                full = (await got(scene, f"/v1/sends/{send}/report")).json()
                told = Counter[str]()
                for point in full["timeline"]["points"]:
                    told.update(point["outcomes"])
                assert all(told[fate] == full["total"][fate] for fate in FATES), full
                if one[0] >= 1:
                    break
        assert first[-1][1] == "progress"
        await scene.providers.script("fcm", last.token)
        rest = await all_of(scene, send, first[-1][0])
    whole = [*first, *rest]
    numbers = [number for number, _, _ in whole if number]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [name for _, name, _ in whole[:-1]] == ["progress"] * (len(whole) - 1)
    assert whole[-1][1] == "finished"
    assert whole[-1][2]["report"]["total"]["delivered"] == 1201
    progress = [one["report"]["total"]["delivered"] for _, _, one in whole]
    assert progress == sorted(progress)
    everything = await all_of(scene, send, 0)
    assert [one[0] for one in everything] == list(range(1, numbers[-1] + 1))
    assert everything[numbers[0] - 1 :] == [one for one in whole if one[0]]
    assert [one[0] for one in await all_of(scene, send)] == [numbers[-1]]
    done = await scene.http.get(
        f"/v1/sends/{send}/events",
        headers={"authorization": f"Bearer {scene.app_secret}", "last-event-id": str(numbers[-1])},
    )
    assert done.status_code == 204


async def test_a_small_send_is_followed_too(scene: Scene) -> None:
    await scene.devices("apns", user="eve")
    await scene.devices("fcm", user="eve")
    send = await scene.send({"users": ["eve"]})
    found = await all_of(scene, send)
    assert found[-1][1] == "finished"
    assert found[-1][2]["report"]["total"]["delivered"] == 2
    assert [one[0] for one in await all_of(scene, send, 0)] == [1, 2]


async def test_who_follows_a_send_is_told_that_it_was_called_off_as_who_asks_for_it(scene: Scene) -> None:
    await scene.devices("apns", user="zoe")
    send = await scene.send({"users": ["zoe"]}, send_at=(utc() + timedelta(days=1)).isoformat())
    async with followed(scene, send) as events:
        told = [await anext(events)]
        assert (await scene.call("POST", f"/v1/sends/{send}:cancel")).is_success
        told += [one async for one in events]
    assert (told[0][2]["order"], told[-1][2]["order"]) == (None, "cancelled")
    assert told[-1][2] == await scene.status(send)


async def test_who_follows_a_send_that_is_replaced_before_it_begins_follows_what_it_is_then(scene: Scene) -> None:
    await scene.crowd("fcm", 70, user="all")
    await scene.devices("apns", user="zoe")
    few, large, many = {"users": ["zoe"]}, {"platforms": ["fcm"]}, {"users": ["all"], "platforms": ["fcm"]}
    later = (utc() + timedelta(hours=1)).isoformat()
    for before, after, devices in ((few, large, 70), (large, few, 1), (few, many, 70)):
        send = await scene.send(before, send_at=later)
        async with followed(scene, send) as events:
            told = [await anext(events)]
            soon = (utc() + timedelta(seconds=2)).isoformat()
            body = {"audience": after, "message": {"title": "Dong"}, "send_at": soon}
            assert (await scene.door.replace(send, body))["state"] == "replaced"
            told += [one async for one in events]
        assert [name for _, name, _ in told[1:]] == ["progress"] * (len(told) - 2) + ["finished"]
        assert told[-1][2]["report"]["total"]["delivered"] == devices
        assert told[-1][2] == await scene.status(send)


async def test_a_hundred_who_follow_cost_the_store_what_one_costs(scene: Scene) -> None:
    await scene.devices("apns", user="far")
    async with scene.providers.knobs("apns", latency={"median": 8}):
        send = await scene.send({"users": ["far"]})
        reads = [await _reads_while(scene, send, viewers) for viewers in (1, 100)]
    assert reads[1] <= reads[0] * 1.5 + 10, reads


async def _reads_while(scene: Scene, send: str, viewers: int) -> int:
    """Commands that read `records`, as the store's own profiler counts them, while so many follow for 2 s."""
    database = scene.store.database
    async with asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(_follow(scene, send)) for _ in range(viewers)]
        await asyncio.sleep(1.5)
        await database.command({"profile": 2})
        since = utc()
        await asyncio.sleep(2)
        await database.command({"profile": 0})
        for one in following:
            one.cancel()
    where = {"ts": {"$gte": since}, "command.find": "records", "command.filter.sends.$in": f"{scene.app}.{send}"}
    found = await database["system.profile"].count_documents(where)
    assert found, "nothing was profiled"
    return found


async def _follow(scene: Scene, send: str) -> None:
    async with followed(scene, send) as events:
        async for _ in events:
            pass


async def test_who_may_not_see_a_send_may_not_follow_it(scene: Scene) -> None:
    send = await scene.send({"users": ["nobody"]})
    for path in ("events", "report", "receipts", f"devices/{'0' * 24}"):
        assert (await scene.call("GET", f"/v1/sends/nosuchsend/{path}")).status_code == 404
        assert (await scene.call("GET", f"/v1/sends/{send}/{path}", key=scene.client_secret)).status_code == 403
