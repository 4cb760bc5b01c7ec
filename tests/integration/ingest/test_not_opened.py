"""A variant whose secrets the key ring cannot open is shown with its problem, and harms nothing else of its app."""

import httpx
import pytest

from tests.integration.ingest import credentials
from tests.integration.ingest.conftest import ADMIN, Database
from tests.integration.ingest.tenant import Answer, Tenant, bearer

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tenant: Tenant, stored: Database) -> str:
    """Of the app's APNs variant, sealed under a key that the ring does not hold."""
    sealed = stored["variants"].find_one({"_id": tenant.apns})["sealed"]
    stored["variants"].update_one({"_id": tenant.apns}, {"$set": {"sealed": sealed[:1] + b"gone" + sealed[5:]}})
    return f"/v1/apps/{tenant.id}/variants/{tenant.apns}"


async def asked(tenant: Tenant, method: str, path: str, body: object = None) -> httpx.Response:
    return await tenant.http.request(method, path, json=body, headers=bearer(ADMIN))


async def shown(tenant: Tenant) -> dict[str, Answer]:
    answer = await asked(tenant, "GET", f"/v1/apps/{tenant.id}/variants")
    assert answer.status_code == 200, answer.text
    return {one["id"]: one for one in answer.json()["variants"]}


async def test_it_is_listed_with_its_problem_and_the_others_without(tenant: Tenant, path: str) -> None:
    found = await shown(tenant)
    assert found[tenant.apns]["problem"]["reason"] == "not_opened"
    assert "key ring" in found[tenant.apns]["problem"]["detail"]
    assert found[tenant.apns]["settings"]["topic"]
    assert "key" not in found[tenant.apns]["settings"]
    assert found[tenant.fcm]["problem"] is None
    assert (await asked(tenant, "GET", path)).json() == found[tenant.apns]


async def test_everything_else_of_the_app_goes_on(tenant: Tenant, path: str) -> None:
    assert path
    hygiene = f"/v1/apps/{tenant.id}/hygiene"
    assert (await tenant.get(hygiene)).status_code == 200
    span = {"from": "2030-01-01T00:00:00Z", "to": "2030-01-02T00:00:00Z"}
    assert (await tenant.post(f"{hygiene}:restore", span)).status_code == 200
    device = await tenant.register(token="ab" * 32)
    assert (await tenant.device(device))["variant"] == tenant.apns
    assert (await tenant.register(variant=tenant.fcm, token="fcm-token:1")) != device
    assert (await tenant.send(audience={"everyone": True})).status_code == 202
    wrong = {"apns": {"aps": {"badge": "x"}}}
    assert (await tenant.send(audience={"everyone": True}, message=wrong)).status_code == 422
    assert (await tenant.get(f"/v1/devices/{device}/history")).status_code == 200
    assert (await tenant.http.get("/v1/devices:export", headers=bearer(tenant.app_secret))).status_code == 200


async def test_new_settings_mend_it_and_nothing_less_does(tenant: Tenant, path: str) -> None:
    refused = await asked(tenant, "PUT", path, {"rate_limit": 5})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/settings")
    assert (await asked(tenant, "POST", f"{path}:resume")).status_code == 200
    mended = await asked(tenant, "PUT", path, {"settings": credentials.apns()})
    assert (mended.status_code, mended.json()["problem"], mended.json()["version"]) == (200, None, 2)
    assert (await asked(tenant, "PUT", path, {"rate_limit": 5})).json()["rate_limit"] == 5
    assert (await shown(tenant))[tenant.apns]["problem"] is None


async def test_it_can_be_removed(tenant: Tenant, path: str) -> None:
    assert (await asked(tenant, "DELETE", path)).status_code == 204
    assert list(await shown(tenant)) == [tenant.fcm]
