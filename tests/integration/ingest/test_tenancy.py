"""Nobody sees what is not theirs: every endpoint with no key, the wrong kind of key, another tenant's ids."""

import re
from collections.abc import Sequence

import httpx
import pytest

from services.ingest.call import Endpoint
from services.ingest.routes import ENDPOINTS
from tests.integration.ingest.conftest import ADMIN, Database
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
THINGS = {"device": "0" * 24, "send": "s" * 20, "segment": "s", "template": "t", "webhook": "w" * 16, "erasure": "e"}
"""What an app has, by what stands for it in a path."""
NAMED = {"app": "a", "variant": "v", "kind": "app", "user": "ada", "token": "ab" * 32, "message": "m" * 20}
"""What else stands in paths: keys say whose it is; every app may have a user, device or message of the same name."""
NAMES = [f"{one.method} {one.path}" for one in ENDPOINTS]
BODIES: dict[str, object] = {
    "POST /v1/apps": {"name": "new"},
    "POST /v1/apps/{app}/variants": {"platform": "apns", "name": "new", "settings": {}},
    "PUT /v1/apps/{app}/variants/{variant}": {"settings": {}},
    "POST /v1/devices": {"variant": "{variant}", "token": "t"},
    "PUT /v1/devices/{device}": {"user": "eve"},
    "POST /v1/devices/{device}:subscribe": {"tags": ["eve"]},
    "POST /v1/devices/{device}:unsubscribe": {"tags": ["eve"]},
    "PUT /v1/segments/{segment}": {"filter": {"field": "user", "eq": "eve"}},
    "PUT /v1/sends/{send}": {"audience": {"everyone": True}, "message": {"title": "Ding"}},
    "PUT /v1/webhooks/{webhook}": {"enabled": False},
    "POST /v1/webhooks/{webhook}:replay": {"from": "2030-01-01T00:00:00Z", "to": "2030-01-01T01:00:00Z"},
    "POST /v1/sends": {"audience": {"variants": ["{variant}"]}, "message": {"title": "Ding"}},
}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=NAMES)
async def test_without_a_key_nothing_is_told(http: httpx.AsyncClient, endpoint: Endpoint) -> None:
    path = endpoint.path.format(**NAMED, **THINGS)
    wrong: Sequence[dict[str, str]] = (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {ADMIN}"},
        {"Authorization": "Bearer as_a0000000000_guess"},
        {"Authorization": f"Bearer {ADMIN}x"},
        {"Authorization": "Bearer \u00e4"},
    )
    for headers in wrong:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await http.request(endpoint.method, path, headers=raw, json={})
        assert answer.status_code == 401, headers
        assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=NAMES)
async def test_the_wrong_kind_of_key_opens_nothing(idle: Tenant, endpoint: Endpoint) -> None:
    tenant = idle
    path = endpoint.path.format(**NAMED | {"app": tenant.id, "variant": tenant.apns}, **THINGS)
    keys = {"admin": ADMIN, "app": tenant.app_secret, "client": tenant.client_secret}
    for kind in keys.keys() - set(endpoint.access):
        answer = await tenant.http.request(endpoint.method, path, headers=bearer(keys[kind]), json={})
        assert answer.status_code == 403, kind


def test_every_endpoint_with_an_id_is_tried_below() -> None:
    tried = {f"{{{name}}}" for name in (*NAMED, *THINGS)}
    named = {name for one in ENDPOINTS for name in re.findall(r"\{\w+\}", one.path)}
    assert named <= tried


@pytest.mark.parametrize(
    "endpoint",
    [one for one in ENDPOINTS if any(f"{{{name}}}" in one.path for name in THINGS)],
    ids=lambda one: f"{one.method} {one.path}",
)
async def test_another_tenants_ids_are_not_there(
    tenant: Tenant, other: Tenant, stored: Database, endpoint: Endpoint
) -> None:
    device = await tenant.register(token="a1" * 32, user="ada")
    send = (await tenant.send(audience={"users": ["ada"]})).json()["id"]
    for things, said in (("segments", {"filter": {"field": "user", "eq": "ada"}}), ("templates", {"message": {}})):
        assert (await tenant.post(f"/v1/{things}", {"name": "ada-s", **said})).status_code == 201
    hook = (await tenant.post("/v1/webhooks", {"url": "https://example.com", "events": ["anomaly"]})).json()["id"]
    erased = await tenant.http.delete("/v1/users/eve", headers=bearer(tenant.app_secret))
    path = endpoint.path.format(
        device=device, send=send, segment="ada-s", template="ada-s", webhook=hook, erasure=erased.json()["id"]
    )
    before = stored["devices"].find_one({"_id": bytes.fromhex(device)})
    keys = [other.app_secret, other.client_secret] if "client" in endpoint.access else [other.app_secret]
    for key in keys:
        body = BODIES.get(f"{endpoint.method} {endpoint.path}", {})
        answer = await other.http.request(endpoint.method, path, headers=bearer(key), json=body)
        assert answer.status_code == 404
        assert "ada" not in answer.text.replace("ada-s", "")
    assert stored["devices"].find_one({"_id": bytes.fromhex(device)}) == before


async def test_another_tenants_variant_can_be_neither_registered_for_nor_sent_to(tenant: Tenant, other: Tenant) -> None:
    device = await other.post("/v1/devices", {"variant": tenant.apns, "token": "t"})
    by_variant = await other.send(audience={"variants": [tenant.apns]})
    by_token = await other.send(audience={"tokens": {tenant.apns: ["t"]}})
    assert [one.status_code for one in (device, by_variant, by_token)] == [422, 422, 422]


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if "{variant}" in one.path], ids=lambda one: one.method)
async def test_a_variant_is_not_found_under_another_app(tenant: Tenant, other: Tenant, endpoint: Endpoint) -> None:
    path = endpoint.path.format(app=other.id, variant=tenant.apns)
    body = BODIES.get(f"{endpoint.method} {endpoint.path}", {})
    answer = await tenant.http.request(endpoint.method, path, headers=bearer(ADMIN), json=body)
    assert answer.status_code == 404
    assert (await tenant.http.get(f"/v1/apps/{tenant.id}/variants/{tenant.apns}", headers=bearer(ADMIN))).is_success


async def test_another_apps_policy_is_neither_shown_nor_changed(tenant: Tenant, other: Tenant) -> None:
    path, quiet = f"/v1/apps/{tenant.id}/policy", {"quiet_hours": {"start": "22:00", "end": "08:00"}}
    assert (await other.get(path)).status_code == 404
    changed = await other.http.put(path, headers=bearer(other.app_secret), json=quiet)
    assert changed.status_code == 404
    assert (await tenant.get(path)).json() == {"quiet_hours": None}


async def test_the_list_of_sends_holds_ones_own_only(tenant: Tenant, other: Tenant) -> None:
    await tenant.send(audience={"users": ["ada"]})
    theirs = (await other.send(audience={"users": ["ada"]})).json()["id"]
    assert [one["id"] for one in (await other.get("/v1/sends")).json()["sends"]] == [theirs]


async def test_a_cursor_of_another_tenant_shows_ones_own_only(tenant: Tenant, other: Tenant) -> None:
    theirs = (await other.send(audience={"users": ["ada"]})).json()["id"]
    for _ in range(2):
        await tenant.send(audience={"users": ["ada"]})
    cursor = (await tenant.get("/v1/sends?limit=1")).json()["next"]
    found = (await other.get(f"/v1/sends?after={cursor}")).json()["sends"]
    assert [one["id"] for one in found] == [theirs]


async def test_the_same_token_in_two_apps_is_two_devices(tenant: Tenant, other: Tenant) -> None:
    assert await tenant.register(token="a1" * 32) != await other.register(token="a1" * 32)
    assert len((await tenant.get("/v1/sends")).json()["sends"]) == 0
