"""Devices: registered, re-assigned, given new tokens, removed."""

import pytest

from tests.integration.ingest.conftest import ADMIN, Database
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
TOKEN = "a1" * 32
OTHER_TOKEN = "b2" * 32


async def test_registering_twice_is_one_device(tenant: Tenant, stored: Database) -> None:
    body = {"variant": tenant.apns, "token": TOKEN, "user": "ada"}
    first = await tenant.post("/v1/devices", body)
    second = await tenant.post("/v1/devices", body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.headers["location"] == f"/v1/devices/{first.json()['id']}"
    assert stored["devices"].count_documents({"app": tenant.id}) == 1


async def test_a_device_shows_what_was_registered(tenant: Tenant) -> None:
    profile = {
        "user": "ada", "tags": ["news", "news", "vip"],
        "attributes": {"level": 7, "beta": True, "plan": "pro", "x": None},
        "locale": "pt_BR", "zone": "America/Sao_Paulo",
    }  # fmt: skip
    found = await tenant.device(await tenant.register(token=TOKEN, **profile))
    assert found["tags"] == ["news", "vip"]
    assert found["locale"] == "pt-BR"
    assert {name: found[name] for name in ("user", "attributes", "zone")} == {
        name: profile[name] for name in ("user", "attributes", "zone")
    }
    assert (found["token"], found["platform"], found["variant"]) == (TOKEN, "apns", tenant.apns)


async def test_a_device_is_reassigned_to_the_user_who_registered_last(tenant: Tenant) -> None:
    device = await tenant.register(token=TOKEN, user="ada", tags=["news"])
    assert await tenant.register(token=TOKEN, user="grace") == device
    found = await tenant.device(device)
    assert (found["user"], found["tags"]) == ("grace", ["news"])


async def test_what_is_null_is_removed_and_what_is_left_out_stays(tenant: Tenant) -> None:
    device = await tenant.register(token=TOKEN, user="ada", tags=["news"], locale="de")
    answer = await tenant.http.put(
        f"/v1/devices/{device}", json={"user": None, "tags": None}, headers=bearer(tenant.client_secret)
    )
    assert (answer.status_code, answer.json()) == (200, {"id": device})
    found = await tenant.device(device)
    assert (found["user"], found["tags"], found["locale"]) == (None, [], "de")


async def test_a_new_token_leaves_id_and_shard(tenant: Tenant, stored: Database) -> None:
    device = await tenant.register(token=TOKEN)
    before = stored["devices"].find_one({"_id": bytes.fromhex(device)})
    answer = await tenant.http.put(
        f"/v1/devices/{device}", json={"token": OTHER_TOKEN}, headers=bearer(tenant.client_secret)
    )
    assert answer.status_code == 200
    after = stored["devices"].find_one({"_id": bytes.fromhex(device)})
    assert after["token"] == OTHER_TOKEN
    assert after["token_key"] != before["token_key"]
    assert (after["shard"], after["first_seen"]) == (before["shard"], before["first_seen"])


async def test_an_installation_stays_one_device_whatever_its_token(tenant: Tenant, stored: Database) -> None:
    device = await tenant.register(token=TOKEN, installation="phone-1")
    shard = stored["devices"].find_one({"_id": bytes.fromhex(device)})["shard"]
    assert await tenant.register(token=OTHER_TOKEN, installation="phone-1") == device
    after = stored["devices"].find_one({"_id": bytes.fromhex(device)})
    assert (after["token"], after["shard"]) == (OTHER_TOKEN, shard)


async def test_a_token_belongs_to_the_installation_that_registered_it_last(tenant: Tenant, stored: Database) -> None:
    first = await tenant.register(token=TOKEN, installation="phone-1")
    second = await tenant.register(token=TOKEN, installation="phone-2")
    assert first != second
    found = list(stored["devices"].find({"app": tenant.id}))
    assert [one["_id"].hex() for one in found] == [second]


async def test_a_deleted_device_is_gone(tenant: Tenant) -> None:
    device = await tenant.register(token=TOKEN)
    path, headers = f"/v1/devices/{device}", bearer(tenant.client_secret)
    assert (await tenant.http.delete(path, headers=headers)).status_code == 204
    assert (await tenant.http.delete(path, headers=headers)).status_code == 404
    assert (await tenant.http.put(path, json={}, headers=headers)).status_code == 404
    assert (await tenant.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("device", "pointer"),
    [
        ({"token": ""}, "/token"),
        ({"token": "a\nb"}, "/token"),
        ({"token": "a" * 4097}, "/token"),
        ({"token": 5}, "/token"),
        ({"variant": "v0000000000"}, "/variant"),
        ({"zone": "Mars/Olympus"}, "/zone"),
        ({"locale": "not a locale"}, "/locale"),
        ({"tags": ["x"] * 101}, "/tags"),
        ({"tags": [""]}, "/tags/0"),
        ({"attributes": {"a.b": 1}}, "/attributes/a.b"),
        ({"attributes": {"a": {"b": 1}}}, "/attributes/a"),
        ({"attributes": {"a": 2**63}}, "/attributes/a"),
        ({"attributes": {f"a{n}": n for n in range(51)}}, "/attributes"),
        ({"colour": "red"}, "/colour"),
        ({"user": ["ada"]}, "/user"),
    ],
)
async def test_a_bad_registration_names_the_field_and_stores_nothing(
    idle: Tenant, stored: Database, device: dict[str, object], pointer: str
) -> None:
    answer = await idle.post("/v1/devices", {"variant": idle.apns, "token": TOKEN, **device})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [one["pointer"] for one in answer.json()["errors"]]
    assert stored["devices"].count_documents({"app": idle.id}) == 0


async def test_a_device_of_another_variant_is_no_match_for_the_same_token(tenant: Tenant) -> None:
    assert await tenant.register(token=TOKEN) != await tenant.register(token=TOKEN, variant=tenant.fcm)


async def test_a_removed_variant_takes_its_devices_along(tenant: Tenant, stored: Database) -> None:
    await tenant.register(token=TOKEN)
    kept = await tenant.register(token=TOKEN, variant=tenant.fcm)
    path = f"/v1/apps/{tenant.id}/variants/{tenant.apns}"
    headers = bearer(ADMIN)
    assert (await tenant.http.delete(path, headers=headers)).status_code == 204
    assert (await tenant.http.delete(path, headers=headers)).status_code == 404
    assert [one["_id"].hex() for one in stored["devices"].find({"app": tenant.id})] == [kept]
