"""Estimates, segments, rules and subscriptions over HTTP: who may, what is said back, and what is refused."""

from typing import Any

import pytest

from tests.integration.ingest.conftest import ADMIN
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
RED: Json = {"field": "tags", "eq": "red"}


async def estimate(tenant: Tenant, **audience: object) -> Json:
    answer = await tenant.post("/v1/audiences:estimate", {"audience": audience})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def crowd(tenant: Tenant) -> None:
    for n in range(8):
        await tenant.register(token=f"{n:064x}", user=f"u{n % 4}", tags=["red"] if n < 3 else [], locale="de")
    for n in range(4):
        await tenant.register(variant=tenant.fcm, token=f"token-{n}", attributes={"age": n})


async def test_an_estimate_counts_by_platform_and_says_what_it_examined(tenant: Tenant) -> None:
    await crowd(tenant)
    whole = await estimate(tenant, everyone=True)
    assert (whole["devices"], whole["platforms"], whole["exact"]) == (12, {"apns": 8, "fcm": 4}, True)
    assert [(one["variant"], one["devices"], one["why"]) for one in whole["variants"]] == [
        (tenant.apns, 8, ""), (tenant.fcm, 4, ""),
    ]  # fmt: skip
    for audience, devices in (
        ({"filter": RED}, 3),
        ({"tags": {"none": ["red"]}}, 9),
        ({"filter": {"field": "attributes.age", "gte": 2}}, 2),
        ({"users": ["u0", "u1", "nobody"]}, 4),
        ({"users": ["u0", "u1"], "filter": RED}, 2),
        ({"platforms": ["fcm"]}, 4),
        ({"tokens": {tenant.fcm: ["x", "y", "y"]}}, 2),
        ({"filter": {"field": "registered_at", "lt": "-1d"}}, 0),
    ):
        assert (await estimate(tenant, **audience))["devices"] == devices, audience
    unindexed = await estimate(tenant, filter={"field": "user", "eq": "u0"}, variants=[tenant.apns])
    assert (unindexed["devices"], unindexed["examined"]) == (2, 8)
    assert "every device of the variant" in unindexed["variants"][0]["why"]


async def test_an_estimate_refuses_what_a_send_would(tenant: Tenant) -> None:
    for audience, pointer in (
        ({"platforms": ["pigeon"]}, "/audience/platforms/0"),
        ({"variants": ["v0"]}, "/audience/variants/0"),
        ({"segments": ["gone"]}, "/audience/segments/0"),
        ({"filter": {"field": "zone"}}, "/audience/filter"),
        ({"topic": "news"}, "/audience"),
        ({}, "/audience"),
    ):
        answer = await tenant.post("/v1/audiences:estimate", {"audience": audience})
        assert answer.status_code == 422, audience
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_segments_are_made_read_changed_and_removed(tenant: Tenant, other: Tenant) -> None:
    made = await tenant.post("/v1/segments", {"name": "reds", "filter": RED, "description": "who likes red"})
    assert (made.status_code, made.headers["location"]) == (201, "/v1/segments/reds")
    assert made.json() == {"name": "reds", "filter": made.json()["filter"], "description": "who likes red"}
    assert made.json()["filter"]["eq"] == "red"
    assert (await tenant.post("/v1/segments", {"name": "reds", "filter": RED})).status_code == 409
    assert (await other.get("/v1/segments/reds")).status_code == 404
    assert (await other.get("/v1/segments")).json() == {"segments": []}
    changed = await tenant.http.put(
        "/v1/segments/reds", json={"filter": {"not": RED}}, headers=bearer(tenant.app_secret)
    )
    assert changed.status_code == 200
    (listed,) = (await tenant.get("/v1/segments")).json()["segments"]
    assert listed == changed.json() == (await tenant.get("/v1/segments/reds")).json()
    for _ in range(2):
        gone = await tenant.http.request("DELETE", "/v1/segments/reds", headers=bearer(tenant.app_secret))
    assert gone.status_code == 404
    assert (await tenant.get("/v1/segments/reds")).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "a b", "filter": RED}, "/name"),
        ({"name": "a", "filter": {"segment": "b"}}, "/filter"),
        ({"name": "a", "filter": {"not": {"not": {"not": {"not": {"not": RED}}}}}}, "/filter"),
        ({"name": "a", "filter": {"field": "tags", "$where": "1"}}, "/filter/$where"),
        ({"name": "a"}, "/filter"),
    ],
)
async def test_a_segment_that_is_none_is_refused_at_its_place(idle: Tenant, body: Json, pointer: str) -> None:
    answer = await idle.post("/v1/segments", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_rules_are_the_operators_to_lay_down_and_the_backends_to_read(tenant: Tenant, other: Tenant) -> None:
    path = f"/v1/apps/{tenant.id}/rules"
    wanted = {
        "confirm_above": 1, "stale_after_days": 90, "opt_in": ["ads"], "caps": {"ads": {"most": 2, "per": 3600}},
    }  # fmt: skip
    assert (await tenant.get(path)).json() == {
        "confirm_above": None, "stale_after_days": None, "opt_in": [], "caps": {},
    }  # fmt: skip
    assert (await tenant.http.put(path, json=wanted, headers=bearer(tenant.app_secret))).status_code == 403
    assert (await tenant.http.put(path, json=wanted, headers=bearer(ADMIN))).json() == wanted
    assert (await tenant.get(path)).json() == wanted
    assert (await other.get(path)).status_code == 404
    for wrong in ({"confirm_above": -1}, {"stale_after_days": 0}, {"opt_in": ["a.b"]}, {"quiet": True}):
        assert (await tenant.http.put(path, json=wrong, headers=bearer(ADMIN))).status_code == 422
    await crowd(tenant)
    refused = await tenant.send(audience={"filter": RED})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/confirm")
    assert (await tenant.send(audience={"filter": RED}, confirm=True)).status_code == 202
    assert (await tenant.send(audience={"users": ["u0"]})).status_code == 202


async def test_a_device_subscribes_and_unsubscribes_with_the_client_secret(tenant: Tenant, other: Tenant) -> None:
    device = await tenant.register(token="aa" * 32, tags=["a"])

    async def asked(verb: str, key: str = tenant.client_secret, **body: object) -> int:
        answer = await tenant.http.post(f"/v1/devices/{device}:{verb}", json=body, headers=bearer(key))
        return answer.status_code

    assert await asked("subscribe", tags=["b", "a"], categories=["ads"]) == 200
    assert await asked("unsubscribe", tags=["a"], categories=["news"]) == 200
    found = await tenant.device(device)
    assert (found["tags"], found["categories"]) == (["b"], {"ads": True, "news": False})
    assert (await estimate(tenant, tags={"any": ["b"]}))["devices"] == 1
    assert (await estimate(tenant, tags={"any": ["a"]}))["devices"] == 0
    assert await asked("subscribe", tags=[f"t{n}" for n in range(99)]) == 200
    assert await asked("subscribe", tags=["one more"]) == 422
    assert await asked("subscribe") == 422
    assert await asked("subscribe", tags=[""]) == 422
    assert await asked("subscribe", other.client_secret, tags=["b"]) == 404
    device = "0" * 24
    assert await asked("unsubscribe", tags=["b"]) == 404


async def test_versions_and_categories_are_kept_and_shown(tenant: Tenant) -> None:
    said = {"app_version": "2.10.3 (45)", "os_version": "17.4", "categories": {"ads": False}}
    device = await tenant.register(token="ab" * 32, **said)
    found = await tenant.device(device)
    assert {name: found[name] for name in said} == said
    await tenant.register(token="ab" * 32, app_version=None)
    assert (await tenant.device(device))["app_version"] is None
    for wrong in (
        {"app_version": "newest"},
        {"os_version": 17},
        {"categories": {"a b": True}},
        {"categories": ["ads"]},
    ):
        answer = await tenant.post("/v1/devices", {"variant": tenant.apns, "token": "ab" * 32, **wrong})
        assert answer.status_code == 422
