"""The UnifiedPush Server's clients as they are: their addresses, their way to say who they are, their answers."""

import json
from typing import Any

import httpx
import pytest

from shared.flow.send import Send
from tests.integration.ingest.conftest import Database
from tests.integration.ingest.tenant import Answer, Tenant, bearer

pytestmark = pytest.mark.anyio
DEVICE = "/rest/registry/device"
HI: Answer = {"message": {"alert": "Hi"}}
IPAD: Answer = {
    "deviceToken": "AB" * 32, "deviceType": "iPad", "operatingSystem": "iOS", "osVersion": "17.4", "alias": "ada",
    "categories": ["sport", "news"],
}  # fmt: skip


def sender(tenant: Tenant) -> tuple[str, str]:
    return tenant.id, tenant.app_secret


def app(tenant: Tenant, variant: str = "") -> tuple[str, str]:
    return variant or tenant.apns, tenant.client_secret


async def registered(tenant: Tenant, said: Answer = IPAD, **headers: str) -> Answer:
    answer = await tenant.http.post(DEVICE, json=said, auth=app(tenant), headers=headers)
    assert answer.status_code == 200, answer.text
    found: Answer = answer.json()
    return found


def sends(stored: Database, tenant: Tenant) -> list[Send]:
    found = stored["sends"].find({"app": tenant.id}).sort("accepted_at", 1)
    return [Send.model_validate_json(one["body"]) for one in found]


@pytest.mark.parametrize("path", ["/rest/sender", "/rest/sender/", "/ag-push/rest/sender/"])
async def test_a_message_is_a_send_and_the_answer_is_theirs(tenant: Tenant, stored: Database, path: str) -> None:
    said = {**HI, "criteria": {"alias": ["ada"]}, "config": {"ttl": 60}}
    answer = await tenant.http.post(path, json=said, auth=sender(tenant))
    assert (answer.status_code, answer.json()) == (202, {}), answer.text
    (send,) = sends(stored, tenant)
    assert answer.headers["location"] == f"/v1/sends/{send.id}"
    assert (send.request.audience.users, send.request.ttl, send.request.message.body) == (("ada",), 60, "Hi")
    assert send.request.message.data == {"aerogear-push-id": f"{send.id}.{{{{ device.id }}}}"}


async def test_a_batch_is_stored_whole_or_not_at_all(tenant: Tenant, stored: Database) -> None:
    wrong: list[tuple[Answer, str]] = [
        ({"message": {"alert": "Hi", "simple-push": "version=1"}}, "/1/message/simple-push"),
        ({**HI, "criteria": {"variants": ["v-nobody"]}}, "/1/criteria/variants/0"),
        ({"message": {"user-data": {"aps": "x"}}}, "/1/message/user-data/aps"),
        ({"message": {"alert": "x" * 4090}}, "/1/message"),
    ]
    for said, pointer in wrong:
        for batch in ("batch", "batch/"):
            answer = await tenant.http.post(f"/rest/sender/{batch}", json=[HI, said], auth=sender(tenant))
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
        alone = await tenant.http.post("/rest/sender", json=said, auth=sender(tenant))
        assert (alone.status_code, alone.json()["errors"][0]["pointer"]) == (422, pointer[2:]), alone.text
    assert sends(stored, tenant) == []
    many = [{"message": {"alert": str(n)}} for n in range(50)]
    answer = await tenant.http.post("/rest/sender/batch", json=many, auth=sender(tenant))
    assert (answer.status_code, answer.json()) == (202, {})
    assert {one.request.message.body for one in sends(stored, tenant)} == {str(n) for n in range(50)}


async def test_a_message_with_a_key_is_one_send_however_often_it_is_posted(tenant: Tenant, stored: Database) -> None:
    headers = {"Idempotency-Key": "order-1"}
    for path, said in (("/rest/sender", HI), ("/rest/sender/batch", [HI])):
        answers = [await tenant.http.post(path, json=said, auth=sender(tenant), headers=headers) for _ in range(2)]
        assert [one.status_code for one in answers] == [202, 202] if path == "/rest/sender" else [409, 409]
        assert answers[0].headers.get("location") == answers[1].headers.get("location")
    assert len(sends(stored, tenant)) == 1


async def test_who_says_nothing_or_something_else_is_not_let_in(idle: Tenant, other: Tenant, stored: Database) -> None:
    variant, client = app(idle)
    asked: list[tuple[str, str, Any, list[tuple[str, str] | None]]] = [
        ("POST", "/rest/sender", HI, [None, (idle.id, "nobody"), (other.id, idle.app_secret), ("", idle.app_secret)]),
        ("POST", "/rest/sender/batch", [HI], [None, (other.id, idle.app_secret)]),
        *(
            (method, path, body, [None, (variant, "nobody"), (other.apns, client), (idle.id, client), ("", client)])
            for method, path, body in (
                ("POST", DEVICE, IPAD),
                ("DELETE", f"{DEVICE}/{'ab' * 32}", None),
                ("PUT", f"{DEVICE}/pushMessage/x", None),
                ("POST", f"{DEVICE}/importer", [IPAD]),
            )
        ),
    ]
    for method, path, body, nobodies in asked:
        for nobody in nobodies:
            answer = await idle.http.request(method, path, json=body, auth=nobody)
            assert answer.status_code == 401, (path, nobody, answer.text)
            assert answer.headers["www-authenticate"] == 'Basic realm="AeroGear UnifiedPush Server"'
    assert (await idle.http.post("/rest/sender", json=HI, auth=(idle.id, client))).status_code == 403
    assert (await idle.http.post(DEVICE, json=IPAD, headers=bearer(client))).status_code == 401
    assert stored["sends"].count_documents({"app": idle.id}) == 0
    assert stored["devices"].count_documents({"app": idle.id}) == 0


async def test_a_device_registers_says_all_of_itself_and_leaves(tenant: Tenant) -> None:
    found = await registered(tenant)
    assert found == {
        **IPAD, "id": found["id"], "enabled": True, "platform": "ios",
        "categories": [{"name": "sport"}, {"name": "news"}],
    }  # fmt: skip
    device = await tenant.device(found["id"])
    told = ("token", "variant", "user", "tags", "attributes", "os_version")
    assert [device[one] for one in told] == [
        "ab" * 32, tenant.apns, "ada", ["sport", "news"], {"device_type": "iPad", "operating_system": "iOS"}, "17.4"
    ]  # fmt: skip
    again = await registered(tenant, {"deviceToken": "ab" * 32, "categories": ["music"]})
    assert again["id"] == found["id"]
    device = await tenant.device(found["id"])
    assert [device[one] for one in told[2:]] == [None, ["music"], {}, None]
    for status in (204, 404):
        answer = await tenant.http.delete(f"{DEVICE}/{'AB' * 32}", auth=app(tenant))
        assert answer.status_code == status, answer.text
    assert (await tenant.http.delete(f"{DEVICE}/{'ab' * 32}", auth=app(tenant, tenant.fcm))).status_code == 404


async def test_a_device_with_a_new_token_stays_the_same(tenant: Tenant) -> None:
    first = await registered(tenant)
    second = await registered(tenant, {"deviceToken": "cd" * 32, "alias": "bob"}, **{"x-ag-old-token": "AB" * 32})
    assert second["id"] == first["id"]
    device = await tenant.device(first["id"])
    assert (device["token"], device["user"], device["tags"]) == ("cd" * 32, "bob", [])
    elsewhere = await registered(tenant, {"deviceToken": "ef" * 32}, **{"x-ag-old-token": "99" * 32})
    assert elsewhere["id"] != first["id"], "a token that nobody has changes nothing"


async def test_a_device_that_is_wrong_is_told_where(idle: Tenant) -> None:
    wrong: list[tuple[Answer, str]] = [
        ({}, "/deviceToken"),
        ({"deviceToken": "no-token-of-apple"}, "/deviceToken"),
        ({**IPAD, "categories": [5]}, "/categories/0"),
        ({**IPAD, "enabled": False}, "/enabled"),
        ({**IPAD, "colour": "red"}, "/colour"),
    ]
    for said, pointer in wrong:
        answer = await idle.http.post(DEVICE, json=said, auth=app(idle))
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer), answer.text
        assert answer.json()["status"] == 400


async def test_a_file_brings_those_that_are_not_known_or_if_one_is_wrong_nobody(
    tenant: Tenant, stored: Database
) -> None:
    known = await registered(tenant)
    file: list[Answer] = [
        {"deviceToken": "ab" * 32, "alias": "eve"},
        {"deviceToken": "CD" * 32, "alias": "bob", "categories": [{"name": "x"}], "id": "u", "platform": "ios"},
        {"deviceToken": "cd" * 32, "alias": "eve"},
        {"deviceToken": "ef" * 32, "enabled": False},
        {"alias": "nobody"},
    ]

    async def bring(said: object, **how: Any) -> httpx.Response:
        text = json.dumps(said)
        sent = how or {"files": {"file": ("devices.json", text, "application/octet-stream")}}
        return await tenant.http.post(f"{DEVICE}/importer", auth=app(tenant), **sent)

    for broken in ([*file, {"deviceToken": "zz" * 32}], [*file, {"deviceToken": "12" * 32, "tags": []}], "nothing"):
        answer = await bring(broken)
        assert answer.status_code == 400, answer.text
    assert (await bring(broken)).json()["status"] == 400
    for form in (
        {"files": {"other": ("x", "[]")}},
        {"content": b"", "headers": {"content-type": "multipart/form-data"}},
    ):
        assert (await bring(None, **form)).status_code == 400
    assert stored["devices"].count_documents({"app": tenant.id}) == 1
    for how in ({}, {"json": file}):
        answer = await bring(file, **how)
        assert (answer.status_code, answer.json()) == (200, {}), answer.text
    rows = {one["token"]: one for one in stored["devices"].find({"app": tenant.id})}
    assert rows.keys() == {"ab" * 32, "cd" * 32}
    assert (rows["ab" * 32]["_id"].hex(), rows["ab" * 32]["user"]) == (known["id"], "ada")
    assert (rows["cd" * 32]["user"], rows["cd" * 32]["tags"]) == ("bob", ["x"])


async def test_scripts_in_a_web_view_may_ask_the_devices_paths(idle: Tenant) -> None:
    for path in (DEVICE, f"{DEVICE}/{'ab' * 32}", f"/ag-push{DEVICE}/pushMessage/x"):
        answer = await idle.http.options(path, headers={"Origin": "http://localhost"})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
        assert "authorization" in answer.headers["access-control-allow-headers"]
    answer = await idle.http.post(DEVICE, json={}, auth=app(idle))
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in (await idle.get("/v1/sends")).headers


async def test_one_idempotency_key_is_of_one_variant_and_one_old_token(tenant: Tenant) -> None:
    said, key = {"deviceToken": "ab" * 32}, {"Idempotency-Key": "k-1"}

    async def asked(variant: str, **headers: str) -> httpx.Response:
        return await tenant.http.post(DEVICE, json=said, auth=app(tenant, variant), headers=key | headers)

    first, again = await asked(tenant.apns), await asked(tenant.apns)
    assert (first.status_code, again.headers.get("idempotent-replayed")) == (200, "true")
    assert again.json() == first.json()
    assert (await asked(tenant.fcm)).status_code == 409
    assert (await asked(tenant.apns, **{"x-ag-old-token": "cd" * 32})).status_code == 409
