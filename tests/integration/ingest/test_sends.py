"""Sends: accepted and stored, or refused with the field's name and nothing stored."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from shared.flow.accept import unread
from shared.flow.plan import Plan, PlannedRoute
from shared.flow.record import Count, Owed, Part, Record
from shared.flow.report import Outcomes, Report
from shared.flow.send import Problem, Send
from shared.flow.verdict import Fate
from shared.store.connection import open_store
from shared.store.keyring import open_keyring
from tests.integration.ingest.conftest import ADMIN, Database, Ingest
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def kept(stored: Database, tenant: Tenant, send: str) -> Send:
    return Send.model_validate_json(stored["sends"].find_one({"_id": f"{tenant.id}.{send}"})["body"])


async def test_a_send_is_accepted_with_an_id_that_is_known_at_once(tenant: Tenant, stored: Database) -> None:
    answer = await tenant.send(audience={"users": ["ada", "grace", "ada"]}, ttl=60)
    assert answer.status_code == 202
    accepted = answer.json()
    assert answer.headers["location"] == f"/v1/sends/{accepted['id']}"
    assert (accepted["state"], accepted["lane"]) == ("accepted", "now")
    times = [datetime.fromisoformat(accepted[name]) for name in ("accepted_at", "deadline")]
    assert times[1] - times[0] == timedelta(seconds=60)
    send = kept(stored, tenant, accepted["id"])
    assert (send.small, send.lists, send.request.audience.users) == (True, {}, ("ada", "grace"))
    assert {route.variant for route in send.routes} == {tenant.apns, tenant.fcm}
    shown = (await tenant.get(answer.headers["location"])).json()
    assert (shown["state"], shown["source"], shown["report"]["state"]) == ("accepted", "http", "accepted")
    assert "problems" not in shown or shown["problems"] == []


@pytest.mark.parametrize(
    ("audience", "lane", "platforms"),
    [
        ({"everyone": True}, "bulk", {"apns", "fcm"}),
        ({"platforms": ["fcm"]}, "bulk", {"fcm"}),
        ({"tags": {"any": ["news"], "none": ["vip"]}}, "bulk", {"apns", "fcm"}),
        ({"users": ["ada"], "platforms": ["apns"]}, "now", {"apns"}),
        ({"devices": ["0" * 24]}, "now", {"apns", "fcm"}),
    ],
)
async def test_routes_and_lane_follow_from_the_audience(
    tenant: Tenant, stored: Database, audience: dict[str, object], lane: str, platforms: set[str]
) -> None:
    answer = await tenant.send(audience=audience)
    assert (answer.status_code, answer.json()["lane"]) == (202, lane)
    assert {route.platform for route in kept(stored, tenant, answer.json()["id"]).routes} == platforms


async def test_tokens_go_to_the_variants_that_they_are_named_under(tenant: Tenant, stored: Database) -> None:
    answer = await tenant.send(audience={"tokens": {tenant.fcm: ["t1", "t2", "t1"]}})
    assert answer.status_code == 202, answer.text
    send = kept(stored, tenant, answer.json()["id"])
    assert [route.variant for route in send.routes] == [tenant.fcm]
    assert send.request.audience.tokens == {tenant.fcm: ("t1", "t2")}


async def test_many_recipients_are_stored_in_parts_before_the_send(tenant: Tenant, stored: Database) -> None:
    users = [f"user-{n:06}-{'x' * 100}" for n in range(20_000)]
    answer = await tenant.send(audience={"users": [*users, users[0]]})
    assert (answer.status_code, answer.json()["lane"]) == (202, "bulk"), answer.text
    send = kept(stored, tenant, answer.json()["id"])
    assert (send.small, send.request.audience.users) == (False, (users[0],))
    parts = [
        stored["lists"].find_one({"_id": f"{send.list_name('users')}/{n}"}) for n in range(len(send.lists["users"]))
    ]
    assert len(parts) > 1
    assert [len(part["values"]) for part in parts] == list(send.lists["users"])
    assert [value for part in parts for value in part["values"]] == users
    assert {part["app"] for part in parts} == {tenant.id}


async def test_many_tokens_are_stored_by_variant(tenant: Tenant, stored: Database) -> None:
    tokens = {tenant.apns: [f"{n:064x}" for n in range(8)], tenant.fcm: [f"fcm-{n}" for n in range(5)]}
    send = kept(stored, tenant, (await tenant.send(audience={"tokens": tokens})).json()["id"])
    assert send.lists == {f"tokens/{tenant.apns}": (8,), f"tokens/{tenant.fcm}": (5,)}
    for variant, values in tokens.items():
        part = stored["lists"].find_one({"_id": f"{send.key}/tokens/{variant}/0"})
        assert part["values"] == values


BAD: Sequence[tuple[dict[str, object], str]] = [
    ({"audience": {}}, "/audience"),
    ({"audience": {"everyone": True, "users": ["ada"]}}, "/audience"),
    ({"audience": {"users": []}}, "/audience/users"),
    ({"audience": {"users": [5]}}, "/audience/users/0"),
    ({"audience": {"devices": ["nothex"]}}, "/audience/devices/0"),
    ({"audience": {"variants": ["v0000000000"]}}, "/audience/variants/0"),
    ({"audience": {"platforms": ["fcm", "pigeon"]}}, "/audience/platforms/1"),
    ({"audience": {"tokens": {"v0000000000": ["t"]}}}, "/audience/tokens/v0000000000"),
    ({"audience": {"everyone": True, "planet": "mars"}}, "/audience/planet"),
    ({"lane": "now"}, "/lane"),
    ({"lane": "slow"}, "/lane"),
    ({"lane": "now", "audience": {"users": [f"u{n}" for n in range(10_001)]}}, "/lane"),
    ({"ttl": 0}, "/ttl"),
    ({"ttl": "60"}, "/ttl"),
    ({"ttl": 28 * 86_400 + 1}, "/ttl"),
    ({"duplicates": "maybe"}, "/duplicates"),
    ({"colour": "red"}, "/colour"),
    ({"message": {"title": 5}}, "/message/title"),
    ({"message": {"title": "Ding", "badge": "5"}}, "/message/badge"),
    ({"message": {"title": "Ding", "pigeon": {"speed": 1}}}, "/message/pigeon"),
    ({"message": {"title": "Ding", "pigeon": 1}}, "/message/pigeon"),
    ({"message": {"title": "Ding", "apns": {"aps": {"badge": "x"}}}}, "/message/apns/aps/badge"),
    ({"message": {"title": "Ding", "fcm": {"wings": 2}}}, "/message/fcm/wings"),
    ({"message": {"title": "Ding", "data": {"n": 5}}}, "/message/data/n"),
]


@pytest.mark.parametrize(("request_", "pointer"), BAD, ids=[f"{pointer}-{n}" for n, (_, pointer) in enumerate(BAD)])
async def test_a_bad_send_names_the_field_and_stores_nothing(
    idle: Tenant, stored: Database, request_: dict[str, object], pointer: str
) -> None:
    answer = await idle.send(**{"audience": {"everyone": True}, **request_})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [one["pointer"] for one in answer.json()["errors"]], answer.text
    assert stored["sends"].count_documents({"app": idle.id}) == 0
    assert stored["lists"].count_documents({"app": idle.id}) == 0


async def test_a_payload_over_the_platforms_limit_is_refused(idle: Tenant, stored: Database) -> None:
    answer = await idle.send(audience={"everyone": True}, message={"title": "Ding", "data": {"blob": "x" * 5000}})
    assert answer.status_code == 422
    assert all(one["pointer"].startswith("/message") for one in answer.json()["errors"])
    assert stored["sends"].count_documents({"app": idle.id}) == 0


async def test_a_body_that_is_no_json_or_no_json_type_is_refused(idle: Tenant) -> None:
    headers = bearer(idle.app_secret)
    for content, kind, status in (
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"audience": "\xff"}', "application/json", 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"[]", "application/json", 422),
    ):
        answer = await idle.http.post("/v1/sends", content=content, headers={**headers, "Content-Type": kind})
        assert (answer.status_code, answer.json()["status"]) == (status, status), content
    zipped = await idle.http.post("/v1/sends", content=b"x", headers={**headers, "Content-Encoding": "gzip"})
    assert zipped.status_code == 415


async def test_an_ordinary_body_may_have_64_kb_and_one_of_many_recipients_32_mb(
    tenant: Tenant, stored: Database
) -> None:
    padding = " " * 70_000
    broadcast = json.dumps({"audience": {"everyone": True}, "message": {"title": "Ding"}})
    many = json.dumps({"audience": {"users": [f"u{n}" for n in range(11)]}, "message": {"title": "Ding"}})
    headers = {**bearer(tenant.app_secret), "Content-Type": "application/json"}
    assert (await tenant.http.post("/v1/sends", content=broadcast + padding, headers=headers)).status_code == 413
    assert (await tenant.http.post("/v1/sends", content=many + padding, headers=headers)).status_code == 202
    huge = await tenant.http.post("/v1/sends", content=" " * (32 * 1024 * 1024 + 1), headers=headers)
    assert huge.status_code == 413
    device = await tenant.http.post("/v1/devices", content=" " * 65_537, headers=headers)
    assert device.status_code == 413
    assert stored["sends"].count_documents({"app": tenant.id}) == 1


async def test_an_app_without_variants_has_nowhere_to_send(tenant: Tenant) -> None:
    for variant in (tenant.apns, tenant.fcm):
        headers = bearer(ADMIN)
        await tenant.http.delete(f"/v1/apps/{tenant.id}/variants/{variant}", headers=headers)
    answer = await tenant.send(audience={"everyone": True})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/audience")


async def test_the_list_is_paged_newest_first(tenant: Tenant) -> None:
    sent = [(await tenant.send(audience={"users": ["ada"]})).json()["id"] for _ in range(5)]
    seen: list[str] = []
    after = ""
    for _ in range(3):
        page = (await tenant.get(f"/v1/sends?limit=2{after}")).json()
        seen += [one["id"] for one in page["sends"]]
        after = f"&after={page['next']}"
    assert (seen, page["next"]) == (sent[::-1], None)
    assert (await tenant.get("/v1/sends?limit=5")).json()["next"] is None
    for query in ("limit=0", "limit=201", "limit=x", "after=nonsense", "colour=red"):
        assert (await tenant.get(f"/v1/sends?{query}")).status_code == 422, query


def part(send: Send, route: int, matched: int, counts: dict[Fate, int], owed: tuple[Owed, ...] = ()) -> Part:
    return Part(
        member=f"{send.key}.{route}.0/0", send=send.key, app=send.app, variant=send.routes[route].variant,
        platform=send.routes[route].platform, matched=matched, owed=owed, looked_up_at=NOW, last_answer_at=NOW,
        counts=tuple(Count(fate=fate, n=n) for fate, n in counts.items()),
    )  # fmt: skip


async def test_a_small_sends_report_is_the_sum_of_its_records(tenant: Tenant, ingest: Ingest, stored: Database) -> None:
    send = kept(stored, tenant, (await tenant.send(audience={"users": ["ada"]})).json()["id"])
    keyring = open_keyring(ingest.settings.keyring_file)
    async with open_store(ingest.settings.mongodb_url, stored.name, keyring) as store:
        first = part(send, 0, 3, {Fate.DELIVERED: 2}, (Owed(step=0, due=NOW, reason="x", devices=(b"0" * 12,)),))
        await store.records.insert(Record(id=first.member, by=first.member, at=NOW, parts=(first,)))
        running = (await tenant.get(f"/v1/sends/{send.id}")).json()
        assert (running["state"], running["report"]["total"]["open"]) == ("running", 1)
        second = part(send, 1, 1, {Fate.UNREGISTERED: 1})
        await store.records.insert(Record(id=second.member, by=second.member, at=NOW, parts=(second,)))
        retried = part(send, 0, 1, {Fate.DELIVERED: 1}).model_copy(update={"member": f"{first.member}~0/0"})
        await store.records.insert(Record(id=retried.member, by=retried.member, at=NOW, parts=(retried,)))
    done = (await tenant.get(f"/v1/sends/{send.id}")).json()
    assert (done["state"], done["report"]["state"]) == ("finished", "finished")
    total = done["report"]["total"]
    assert (total["planned"], total["delivered"], total["unregistered"], total["open"]) == (4, 3, 1, 0)
    assert (await tenant.get("/v1/sends")).json()["sends"][0]["state"] == "finished"


async def test_a_planned_sends_report_is_the_reporters(tenant: Tenant, ingest: Ingest, stored: Database) -> None:
    send = kept(stored, tenant, (await tenant.send(audience={"everyone": True})).json()["id"])
    assert (await tenant.get(f"/v1/sends/{send.id}")).json()["state"] == "accepted"
    keyring = open_keyring(ingest.settings.keyring_file)
    final = Report(state="finished", total=Outcomes(planned=7, delivered=7), finished_at=NOW)
    async with open_store(ingest.settings.mongodb_url, stored.name, keyring) as store:
        await store.reports.write(send.key, final, NOW)
    shown = (await tenant.get(f"/v1/sends/{send.id}")).json()
    assert (shown["state"], shown["report"]["total"]["delivered"]) == ("finished", 7)
    assert (await tenant.get("/v1/sends")).json()["sends"][0]["state"] == "finished"


async def test_a_running_report_that_is_old_is_derived_from_the_records(
    tenant: Tenant, ingest: Ingest, stored: Database
) -> None:
    send = kept(stored, tenant, (await tenant.send(audience={"everyone": True})).json()["id"])
    keyring = open_keyring(ingest.settings.keyring_file)
    routes = tuple(
        PlannedRoute(variant=one.variant, platform=one.platform, bounds=(0, 2**31), chunks=(1,)) for one in send.routes
    )
    plan = Plan(
        key=send.key, app=send.app, lane=send.lane, accepted_at=send.accepted_at, deadline=send.deadline, routes=routes
    )
    async with open_store(ingest.settings.mongodb_url, stored.name, keyring) as store:
        await store.plans.insert(plan)
        await store.reports.write(send.key, Report(state="running", total=Outcomes()), NOW - timedelta(days=3650))
        one = part(send, 0, 5, {Fate.DELIVERED: 5})
        await store.records.insert(Record(id=one.member, by=one.member, at=NOW, parts=(one,)))
    shown = (await tenant.get(f"/v1/sends/{send.id}")).json()
    assert (shown["state"], shown["report"]["total"]["delivered"]) == ("running", 5)
    assert (shown["report"]["chunks"], shown["report"]["chunks_recorded"]) == (2, 1)


async def test_a_rejected_commands_problems_are_shown(tenant: Tenant, ingest: Ingest, stored: Database) -> None:
    problems = [Problem(pointer="/message/title", detail="too long")]
    keyring = open_keyring(ingest.settings.keyring_file)
    async with open_store(ingest.settings.mongodb_url, stored.name, keyring) as store:
        await store.sends.insert([unread(tenant.id, f"{tenant.id}.order-4711", problems, NOW)])
    shown = (await tenant.get("/v1/sends/order-4711")).json()
    assert (shown["state"], shown["source"]) == ("rejected", "amqp")
    assert shown["problems"] == [{"pointer": "/message/title", "detail": "too long"}]
