"""Many sends in one request, each with its own outcome; and requests that only ask whether they are valid."""

import json
from typing import Any

import pytest

from shared.flow.send import Send
from tests.integration.ingest.conftest import Database
from tests.integration.ingest.tenant import Answer, Tenant, bearer

pytestmark = pytest.mark.anyio


def one(**request: object) -> Answer:
    return {"audience": {"users": ["ada"]}, "message": {"title": "Ding"}, **request}


async def batch(tenant: Tenant, sends: list[Any], key: str | None = None) -> Answer:
    headers = bearer(tenant.app_secret) | ({} if key is None else {"Idempotency-Key": key})
    answer = await tenant.http.post("/v1/sends:batch", json={"sends": sends}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: Answer = answer.json()
    return found


async def test_each_send_of_a_batch_has_its_own_outcome_in_its_place(tenant: Tenant, stored: Database) -> None:
    wrong = [one(ttl=-1), one(colour="red"), one(message={"title": "Ding", "apns": {"wings": 2}}), {}]
    large = one(message={"title": "Ding", "data": {"blob": "x" * 70_000}})
    said = await batch(tenant, [one(), *wrong, one(audience={"everyone": True}), large, one(validate_only=True)])
    assert [each["status"] for each in said["results"]] == [202, 422, 422, 422, 422, 202, 413, 200]
    assert (said["accepted"], said["refused"]) == (2, 5)
    pointers = [each["problem"]["errors"][0]["pointer"] for each in said["results"][1:5]]
    assert pointers == ["/ttl", "/colour", "/message/apns/wings", "/audience"]
    for place, lane in ((0, "now"), (5, "bulk")):
        accepted = said["results"][place]["send"]
        assert accepted["lane"] == lane
        assert (await tenant.get(f"/v1/sends/{accepted['id']}")).json()["state"] == "accepted"
    assert stored["sends"].count_documents({"app": tenant.id}) == 2


async def test_a_thousand_sends_go_in_one_request_and_no_more(tenant: Tenant, stored: Database) -> None:
    said = await batch(tenant, [one(message={"title": f"Ding {n}"}) for n in range(1000)])
    ids = [each["send"]["id"] for each in said["results"]]
    assert (said["accepted"], len(set(ids))) == (1000, 1000)
    titles = {
        document["_id"].partition(".")[2]: Send.model_validate_json(document["body"]).request.message.title
        for document in stored["sends"].find({"app": tenant.id})
    }
    assert [titles[id_] for id_ in ids] == [f"Ding {n}" for n in range(1000)]
    for sends, pointer in (([one()] * 1001, "/sends"), ([], "/sends"), ([5], "/sends/0")):
        refused = await tenant.post("/v1/sends:batch", {"sends": sends})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer
    assert stored["sends"].count_documents({"app": tenant.id}) == 1000


async def test_a_batch_that_is_repeated_with_its_key_is_one_batch(tenant: Tenant, stored: Database) -> None:
    first = await batch(tenant, [one(), one(ttl=-1), one()], "batch-1")
    assert await batch(tenant, [one(), one(ttl=-1), one()], "batch-1") == first
    stored["keyed"].update_one({"app": f"{tenant.id}|app"}, {"$unset": {"answer": ""}})  # as a kill leaves it
    assert await batch(tenant, [one(), one(ttl=-1), one()], "batch-1") == first
    assert stored["sends"].count_documents({"app": tenant.id}) == 2


async def test_who_only_asks_is_told_and_nothing_is_stored(tenant: Tenant, stored: Database) -> None:
    good = await tenant.post("/v1/sends", one(validate_only=True))
    assert (good.status_code, good.json()["state"], good.json()["lane"]) == (200, "valid", "now")
    assert {each["variant"] for each in good.json()["variants"]} == {tenant.apns, tenant.fcm}
    many = await tenant.post("/v1/sends", one(validate_only=True, audience={"users": [f"u{n}" for n in range(50)]}))
    assert many.json()["lane"] == "now"
    bad = await tenant.post("/v1/sends", one(validate_only=True, audience={"variants": ["v0000000000"]}))
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/audience/variants/0")
    assert stored["sends"].count_documents({"app": tenant.id}) == 0
    assert stored["lists"].count_documents({"app": tenant.id}) == 0


async def test_a_batch_may_have_32_mb(tenant: Tenant) -> None:
    users = [f"user-{n:06}" for n in range(200_000)]
    body = json.dumps({"sends": [one(audience={"users": users}), one()]})
    headers = {**bearer(tenant.app_secret), "Content-Type": "application/json"}
    answer = await tenant.http.post("/v1/sends:batch", content=body, headers=headers)
    assert [each["status"] for each in answer.json()["results"]] == [202, 202]
    huge = await tenant.http.post("/v1/sends:batch", content=" " * (32 * 1024 * 1024 + 1), headers=headers)
    assert huge.status_code == 413
