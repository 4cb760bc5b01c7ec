"""How long sends are kept is an app's own to say; an erasure is asked for, and seen by no other app."""

from urllib.parse import quote

import httpx
import pytest

from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.send import SEND_KEY, SendRequest
from tests.integration.ingest.conftest import ADMIN
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio


async def put(tenant: Tenant, app: str, days: object, key: str) -> httpx.Response:
    return await tenant.http.put(f"/v1/apps/{app}/retention", json={"days": days}, headers=bearer(key))


async def test_retention_is_30_days_unless_the_app_or_the_operator_says_otherwise(
    tenant: Tenant, other: Tenant
) -> None:
    path = f"/v1/apps/{tenant.id}/retention"
    assert (await tenant.get(path)).json() == {"days": 30}
    assert (await put(tenant, tenant.id, 7, tenant.app_secret)).json() == {"days": 7}
    assert (await tenant.http.get(path, headers=bearer(ADMIN))).json() == {"days": 7}
    assert (await put(tenant, tenant.id, 8, ADMIN)).json() == {"days": 8}
    assert (await put(tenant, tenant.id, 9, other.app_secret)).status_code == 404
    assert (await put(tenant, tenant.id, 9, tenant.client_secret)).status_code == 403
    for wrong in (0, -1, 1.5, 4000, "7", None):
        assert (await put(tenant, tenant.id, wrong, tenant.app_secret)).status_code == 422
    assert (await tenant.get(path)).json() == {"days": 8}


async def test_an_erasure_is_accepted_and_seen_by_its_own_app_only(tenant: Tenant, other: Tenant) -> None:
    asked = await tenant.http.delete("/v1/users/ada", headers=bearer(tenant.app_secret))
    assert asked.status_code == 202
    assert asked.json()["state"] == "owed"
    assert "ada" not in asked.text
    assert (await tenant.get(asked.headers["location"])).json() == asked.json()
    assert (await other.get(asked.headers["location"])).status_code == 404
    refused = await tenant.http.delete("/v1/users/ada", headers=bearer(tenant.client_secret))
    assert refused.status_code == 403


async def test_another_app_sees_nothing_of_a_webhook(tenant: Tenant, other: Tenant) -> None:
    body = {"url": "https://example.com/hook", "events": ["send.finished"]}
    made = (await tenant.post("/v1/webhooks", body)).json()
    assert made["secret"].startswith("whsec_")
    path = f"/v1/webhooks/{made['id']}"
    shown = (await tenant.get(path)).json()
    assert "secret" not in shown
    assert shown["enabled"]
    for foreign in (path, f"{path}/deliveries"):
        assert (await other.get(foreign)).status_code == 404
    assert (await other.http.delete(path, headers=bearer(other.app_secret))).status_code == 404
    span = {"from": "2030-01-01T00:00:00Z", "to": "2030-01-02T00:00:00Z"}
    assert (await other.post(f"{path}:replay", span)).status_code == 404
    assert (await other.post(f"{path}/secrets", {})).status_code == 404
    for url in ("http://example.com/", "https://127.0.0.1/", "https://169.254.169.254/", "https://[::1]/", "x"):
        wrong = await tenant.post("/v1/webhooks", {**body, "url": url})
        assert wrong.status_code == 422
        assert wrong.json()["errors"][0]["pointer"] == "/url"


def test_a_message_carries_its_sends_id_only_where_that_was_asked_for() -> None:
    plain = SendRequest(audience=Audience(users=("ada",)), message=Message(title="Ding", data={"a": "b"}))
    assert plain.told("s1") is plain.message
    told = plain.model_copy(update={"interactions": True}).told("s1")
    assert told.data == {"a": "b", SEND_KEY: "s1"}


@pytest.mark.parametrize("user", ["tenant/ada", "export", "tenant/export", "/", "a/export/export"])
async def test_a_user_may_be_called_as_he_likes(tenant: Tenant, user: str) -> None:
    await tenant.register(token="ab" * 32, user=user)
    path = f"/v1/users/{quote(user, safe='')}"
    answer = await tenant.get(f"{path}/export")
    assert answer.status_code == 200
    assert f'"{user}"' in answer.text
    erased = await tenant.http.delete(path, headers=bearer(tenant.app_secret))
    assert erased.status_code == 202
    assert (await tenant.http.put(path, headers=bearer(tenant.app_secret))).status_code == 405
