"""A variant's limit is set, kept, changed and taken off; an operator's resume is for variants that there are."""

import pytest

from tests.integration.ingest import credentials
from tests.integration.ingest.conftest import ADMIN
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
OPERATOR = bearer(ADMIN)


async def test_a_change_touches_only_what_it_names(tenant: Tenant) -> None:
    path = f"/v1/apps/{tenant.id}/variants/{tenant.apns}"

    async def change(**said: object) -> dict[str, object]:
        answer = await tenant.http.put(path, json=said, headers=OPERATOR)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    assert (await change(rate_limit=300))["rate_limit"] == 300
    changed = await change(settings=credentials.apns("com.example.new"))
    assert (changed["rate_limit"], changed["settings"]["topic"]) == (300, "com.example.new")  # type: ignore[index]
    off = await change(rate_limit=None)
    assert (off["rate_limit"], off["settings"]["topic"]) == (None, "com.example.new")  # type: ignore[index]


@pytest.mark.parametrize("said", [{}, {"rate_limit": 0}, {"rate_limit": -1}, {"rate_limit": "fast"}, {"settings": {}}])
async def test_a_change_that_names_nothing_or_no_limit_is_refused(tenant: Tenant, said: dict[str, object]) -> None:
    path = f"/v1/apps/{tenant.id}/variants/{tenant.apns}"
    assert (await tenant.http.put(path, json=said, headers=OPERATOR)).status_code == 422
    assert (await tenant.http.get(path, headers=OPERATOR)).json()["version"] == 1


async def test_a_variant_is_made_with_its_limit(tenant: Tenant) -> None:
    body = {"platform": "apns", "name": "slow", "settings": credentials.apns(), "rate_limit": 0.5}
    made = await tenant.http.post(f"/v1/apps/{tenant.id}/variants", json=body, headers=OPERATOR)
    assert (made.status_code, made.json()["rate_limit"], made.json()["parked"]) == (201, 0.5, None)


async def test_resuming_what_is_not_parked_or_not_there(tenant: Tenant, other: Tenant) -> None:
    for app, variant, status in (
        (tenant.id, tenant.apns, 200),
        (tenant.id, "nonesuch", 404),
        (other.id, other.apns, 404),
        (tenant.id, other.apns, 404),
    ):
        answer = await tenant.post(f"/v1/apps/{app}/variants/{variant}:resume", None)
        assert answer.status_code == status, answer.text
