"""Whoever runs an app sees what hygiene did to its devices, and can take it back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.ingest.conftest import ADMIN, Database
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def marked(tenant: Tenant, stored: Database, name: str, mark: dict[str, Any]) -> str:
    device = await tenant.register(token=name * 32)
    stored["devices"].update_one({"_id": bytes.fromhex(device)}, {"$set": mark})
    return device


def retired(at: datetime) -> dict[str, Any]:
    return {"retired": {"at": at, "reason": "Unregistered", "since": at}}


def held(at: datetime, *, condemned: bool = False) -> dict[str, Any]:
    mark = {"at": at, "reason": "BadDeviceToken", "since": at, "seen": at, "window": "w", "condemned": condemned}
    return {"quarantine": mark}


async def restore(tenant: Tenant, start: datetime, end: datetime, **more: str) -> dict[str, Any]:
    body = {"from": start.isoformat(), "to": end.isoformat(), **more}
    answer = await tenant.post(f"/v1/apps/{tenant.id}/hygiene:restore", body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_marks_are_counted_by_reason_and_undone_by_range(tenant: Tenant, stored: Database) -> None:
    old = await marked(tenant, stored, "a1", retired(NOW - 5 * HOUR))
    await marked(tenant, stored, "a2", retired(NOW - HOUR))
    await marked(tenant, stored, "a3", held(NOW - HOUR))
    await marked(tenant, stored, "a4", held(NOW - HOUR, condemned=True))
    path = f"/v1/apps/{tenant.id}/hygiene"
    found = (await tenant.get(path)).json()
    seen = {(one["mark"], one["reason"]): one["devices"] for one in found["marks"]}
    assert seen == {
        ("retired", "Unregistered"): 2, ("quarantined", "BadDeviceToken"): 1, ("condemned", "BadDeviceToken"): 1
    }  # fmt: skip
    assert await restore(tenant, NOW - 2 * HOUR, NOW, variant=tenant.fcm) == {
        "restored": 0, "released": 0, "more": False
    }  # fmt: skip
    assert await restore(tenant, NOW - 2 * HOUR, NOW) == {"restored": 1, "released": 2, "more": False}
    assert [one["devices"] for one in (await tenant.get(path)).json()["marks"]] == [1]
    assert (await tenant.device(old))["retired"]["reason"] == "Unregistered"
    assert (await restore(tenant, NOW - 6 * HOUR, NOW))["restored"] == 1
    assert (await tenant.device(old))["retired"] is None


async def test_the_gates_decisions_are_shown_newest_first(tenant: Tenant, stored: Database) -> None:
    for n, decision in enumerate(("passed", "tripped")):
        at = NOW + n * HOUR
        window = {
            "app": tenant.id, "variant": tenant.apns, "platform": "apns", "start": at, "due": at, "looks": 1,
            "results": 100, "suspects": 60, "devices": 50, "decision": decision, "why": "window" * n, "judged_at": at,
            "done": True,
        }  # fmt: skip
        stored["hygiene_windows"].insert_one(window | {"_id": f"{tenant.apns}/{n}"})
    decisions = (await tenant.get(f"/v1/apps/{tenant.id}/hygiene")).json()["decisions"]
    assert [(one["decision"], one["why"], one["suspects"]) for one in decisions] == [
        ("tripped", "window", 60), ("passed", "", 60)
    ]  # fmt: skip


async def test_a_tenant_sees_and_undoes_nothing_of_another(tenant: Tenant, other: Tenant, stored: Database) -> None:
    device = await marked(tenant, stored, "b1", retired(NOW))
    path = f"/v1/apps/{tenant.id}/hygiene"
    assert (await other.get(path)).status_code == 404
    body = {"from": (NOW - HOUR).isoformat(), "to": (NOW + HOUR).isoformat()}
    assert (await other.post(f"{path}:restore", body)).status_code == 404
    assert (await other.post(f"/v1/apps/{other.id}/hygiene:restore", body)).json()["restored"] == 0
    foreign = await other.post(f"/v1/apps/{other.id}/hygiene:restore", {**body, "variant": tenant.apns})
    assert foreign.json()["errors"][0]["pointer"] == "/variant"
    assert (await tenant.device(device))["retired"] is not None


async def test_the_operator_may_and_a_range_has_a_beginning_and_an_end(
    tenant: Tenant, http: httpx.AsyncClient, stored: Database
) -> None:
    await marked(tenant, stored, "c1", retired(NOW))
    path = f"/v1/apps/{tenant.id}/hygiene:restore"
    backwards = {"from": NOW.isoformat(), "to": (NOW - HOUR).isoformat()}
    assert (await http.post(path, json=backwards, headers=bearer(ADMIN))).status_code == 422
    naive = {"from": "2030-01-01T00:00:00", "to": "2030-01-02T00:00:00"}
    refused = await http.post(path, json=naive, headers=bearer(ADMIN))
    assert {one["pointer"] for one in refused.json()["errors"]} == {"/from", "/to"}
    wide = {"from": (NOW - HOUR).isoformat(), "to": (NOW + HOUR).isoformat()}
    assert (await http.post(path, json=wide, headers=bearer(ADMIN))).json()["restored"] == 1
    assert (await tenant.get(f"/v1/apps/{tenant.id}/hygiene")).json()["marks"] == []


async def report(tenant: Tenant, query: str = "") -> dict[str, Any]:
    answer = await tenant.get(f"/v1/apps/{tenant.id}/hygiene/report{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_was_undone_and_decided_stands_in_the_report_of_the_day(
    tenant: Tenant, other: Tenant, stored: Database
) -> None:
    for n in range(3):
        await marked(tenant, stored, f"d{n}", retired(NOW))
    await marked(tenant, stored, "d3", held(NOW))
    await restore(tenant, NOW - HOUR, NOW + HOUR)
    window = {
        "app": tenant.id, "variant": tenant.apns, "platform": "apns", "start": NOW, "due": NOW, "looks": 1,
        "results": 100, "suspects": 60, "devices": 50, "decision": "tripped", "why": "window", "judged_at": NOW,
        "done": True,
    }  # fmt: skip
    stored["hygiene_windows"].insert_one(window | {"_id": f"{tenant.apns}/report"})
    found = await report(tenant)
    said = [(one["did"], one["by"], one["reason"], one["devices"]) for one in found["days"]]
    assert said == [("released", "asked", "BadDeviceToken", 1), ("restored", "asked", "Unregistered", 3)]
    assert [(one["decision"], one["windows"], one["suspects"]) for one in found["gate"]] == [("tripped", 1, 60)]
    assert (await report(tenant, "?first=2020-01-01&last=2020-01-02"))["days"] == []
    assert (await report(other))["days"] == []
    wrong = f"/v1/apps/{tenant.id}/hygiene/report?first=2020-01-01"
    assert (await tenant.get(wrong)).status_code == 422
    assert (await other.get(f"/v1/apps/{tenant.id}/hygiene/report")).status_code == 404


async def test_who_is_out_of_service_is_listed_with_the_evidence_page_by_page(
    tenant: Tenant, other: Tenant, stored: Database
) -> None:
    went = [await marked(tenant, stored, f"e{n}", retired(NOW - n * HOUR)) for n in range(3)]
    crowd = [
        {"_id": n.to_bytes(12, "big"), "app": tenant.id, "variant": tenant.fcm, "token_key": n.to_bytes(12, "little"),
         "registered_at": NOW, "live": False, **retired(NOW)}
        for n in range(10**9, 10**9 + 250)
    ]  # fmt: skip
    stored["devices"].insert_many(crowd)
    path = f"/v1/apps/{tenant.id}/hygiene/retired"
    found: list[str] = []
    query: str | None = ""
    while query is not None:
        page = (await tenant.get(path + query)).json()
        found += [one["device"] for one in page["devices"]]
        query = f"?after={page['next']}" if page["next"] else None
    assert found[:2] == [went[2], went[1]]
    assert len(found) == len(set(found)) == 253
    (first, *_) = (await tenant.get(f"{path}?variant={tenant.apns}&reason=Unregistered")).json()["devices"]
    assert (first["reason"], first["since"]) == ("Unregistered", first["retired_at"])
    assert (await tenant.get(f"{path}?reason=other")).json() == {"devices": [], "next": None}
    assert (await tenant.get(f"{path}?after=x")).status_code == 422
    assert (await other.get(path)).status_code == 404
    assert (await other.get(f"/v1/apps/{other.id}/hygiene/retired?variant={tenant.apns}")).json()["devices"] == []
    stored["devices"].delete_many({"app": tenant.id})
