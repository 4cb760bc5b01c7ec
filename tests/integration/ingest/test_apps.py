"""Apps and variants: made by the operator, told apart by name, their secrets shown once and never stored readable."""

import secrets

import httpx
import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from tests.integration.ingest import credentials
from tests.integration.ingest.conftest import ADMIN, Database
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
OPERATOR = bearer(ADMIN)


def raw_bytes(stored: Database) -> bytes:
    """Everything that is in the database, as BSON."""
    return b"".join(
        document.raw
        for name in stored.list_collection_names()
        for document in stored.with_options(codec_options=_raw())[name].find()
    )


def _raw() -> object:
    return CodecOptions(document_class=RawBSONDocument)


async def test_an_app_is_made_shown_and_listed(http: httpx.AsyncClient) -> None:
    name = f"bells {secrets.token_hex(4)}"
    made = await http.post("/v1/apps", json={"name": name}, headers=OPERATOR)
    app = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/apps/{app['id']}")
    shown = (await http.get(made.headers["location"], headers=OPERATOR)).json()
    assert shown == {field: app[field] for field in ("id", "name", "created_at")}
    assert shown in (await http.get("/v1/apps", headers=OPERATOR)).json()["apps"]
    again = await http.post("/v1/apps", json={"name": name}, headers=OPERATOR)
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert (await http.get("/v1/apps/nonesuch", headers=OPERATOR)).status_code == 404


async def test_a_rotated_secret_leaves_the_one_before_valid_and_ends_the_one_before_that(tenant: Tenant) -> None:
    path = f"/v1/apps/{tenant.id}/secrets/app"
    first = (await tenant.http.post(path, headers=OPERATOR)).json()["secret"]
    for key in (tenant.app_secret, first):
        assert (await tenant.http.get("/v1/sends", headers=bearer(key))).status_code == 200
    second = (await tenant.http.post(path, headers=OPERATOR)).json()["secret"]
    statuses = [
        (await tenant.http.get("/v1/sends", headers=bearer(key))).status_code
        for key in (tenant.app_secret, first, second)
    ]
    assert statuses == [401, 200, 200]
    assert (await tenant.http.post(f"/v1/apps/{tenant.id}/secrets/root", headers=OPERATOR)).status_code == 404


async def test_no_secret_is_shown_again_or_stored_readable(tenant: Tenant, stored: Database) -> None:
    rotated = (await tenant.http.post(f"/v1/apps/{tenant.id}/secrets/client", headers=OPERATOR)).json()["secret"]
    shown = [
        (await tenant.http.get(path, headers=OPERATOR)).text
        for path in (
            "/v1/apps",
            f"/v1/apps/{tenant.id}",
            f"/v1/apps/{tenant.id}/variants",
            f"/v1/apps/{tenant.id}/variants/{tenant.apns}",
            f"/v1/apps/{tenant.id}/variants/{tenant.fcm}",
        )
    ]
    key_lines = [
        line
        for pem in (credentials.signing_key(), credentials.account_key())
        for line in pem.splitlines()
        if len(line) > 20
    ]
    planted = [tenant.app_secret, tenant.client_secret, rotated, ADMIN, *key_lines]
    found = raw_bytes(stored)
    assert tenant.id.encode() in found
    assert [text for text in planted if text in "".join(shown)] == []
    assert [text for text in planted if text.encode() in found] == []


async def test_a_variant_shows_what_is_no_secret(idle: Tenant) -> None:
    shown = (await idle.http.get(f"/v1/apps/{idle.id}/variants/{idle.apns}", headers=OPERATOR)).json()
    assert shown["settings"] == {
        "environment": "sandbox", "topic": "com.example.bells", "key_id": "ABC1234567", "team_id": "DEF7654321",
    }  # fmt: skip
    assert (shown["version"], shown["platform"]) == (1, "apns")
    assert "key" in shown["secrets"]


async def test_new_settings_raise_the_version(tenant: Tenant) -> None:
    path = f"/v1/apps/{tenant.id}/variants/{tenant.apns}"
    answer = await tenant.http.put(path, json={"settings": credentials.apns("com.example.new")}, headers=OPERATOR)
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert (await tenant.http.get(path, headers=OPERATOR)).json()["settings"]["topic"] == "com.example.new"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"platform": "pigeon"}, "/platform"),
        ({"settings": {}}, "/settings"),
        ({"settings": {"environment": "moon"}}, "/settings/environment"),
        ({"settings": {"wings": 2}}, "/settings/wings"),
        ({"settings": 5}, "/settings"),
        ({"name": ""}, "/name"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_bad_variant_names_the_field(idle: Tenant, change: dict[str, object], pointer: str) -> None:
    body = {"platform": "apns", "name": "another", "settings": credentials.apns(), **change}
    answer = await idle.http.post(f"/v1/apps/{idle.id}/variants", json=body, headers=OPERATOR)
    assert answer.status_code == 422, answer.text
    assert any(one["pointer"].startswith(pointer) for one in answer.json()["errors"]), answer.text
    listed = (await idle.http.get(f"/v1/apps/{idle.id}/variants", headers=OPERATOR)).json()["variants"]
    assert len(listed) == 2


async def test_a_refused_credential_is_not_repeated(idle: Tenant) -> None:
    planted = f"planted-{secrets.token_hex(16)}"
    settings = {**credentials.apns(), "key": f"-----BEGIN PRIVATE KEY-----\n{planted}\n-----END PRIVATE KEY-----"}
    body = {"platform": "apns", "name": "another", "settings": settings}
    answer = await idle.http.post(f"/v1/apps/{idle.id}/variants", json=body, headers=OPERATOR)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/settings/key"
    assert planted not in answer.text


async def test_two_variants_of_one_name_are_a_conflict(idle: Tenant) -> None:
    body = {"platform": "apns", "name": "apns", "settings": credentials.apns()}
    answer = await idle.http.post(f"/v1/apps/{idle.id}/variants", json=body, headers=OPERATOR)
    assert answer.status_code == 409
    missing = await idle.http.post("/v1/apps/nonesuch/variants", json=body, headers=OPERATOR)
    assert missing.status_code == 404


async def test_a_path_that_is_not_there_and_a_method_that_is_not_allowed_are_problems(http: httpx.AsyncClient) -> None:
    nowhere, wrong = await http.get("/v1/bells"), await http.patch("/v1/sends/x")
    assert (nowhere.status_code, wrong.status_code) == (404, 405)
    assert wrong.headers["allow"] == "GET, PUT"
    for answer in (nowhere, wrong):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
