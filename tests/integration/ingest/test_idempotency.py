"""The same Idempotency-Key and request: the first answer again. Another request: 409. Exact between two replicas."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.ingest.wiring import running
from shared.runtime.life import Life
from shared.store.keyed import FirstAnswer
from tests.integration.ingest import credentials
from tests.integration.ingest.conftest import ADMIN, Database, Ingest, accepting, store_of
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
SEND: dict[str, object] = {"audience": {"users": ["ada"]}, "message": {"title": "Ding", "data": {"a": "1", "b": "2"}}}
REPLAYED = "idempotent-replayed"


@pytest.fixture(scope="module")
async def replica(ingest: Ingest) -> AsyncIterator[httpx.AsyncClient]:
    """A second ingest beside the first, on the same store and broker."""
    async with running(ingest.settings, Life(timedelta(seconds=5))) as port:
        await accepting(f"http://127.0.0.1:{port}")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client


def keyed(secret: str, key: str) -> dict[str, str]:
    return {**bearer(secret), "Idempotency-Key": key}


async def post(tenant: Tenant, key: str, body: object = SEND, path: str = "/v1/sends") -> httpx.Response:
    return await tenant.http.post(path, json=body, headers=keyed(tenant.app_secret, key))


def sends_of(stored: Database, tenant: Tenant) -> int:
    return int(stored["sends"].count_documents({"app": tenant.id}))


async def test_the_same_key_and_send_get_the_first_answer_marked_as_a_replay(tenant: Tenant, stored: Database) -> None:
    first = await post(tenant, "order-4711")
    reordered = {"message": {"data": {"b": "2", "a": "1"}, "title": "Ding"}, "audience": {"users": ["ada"]}}
    again = [await post(tenant, "order-4711"), await post(tenant, "order-4711", reordered)]
    assert first.status_code == 202, first.text
    assert REPLAYED not in first.headers
    for one in again:
        assert (one.status_code, one.content) == (202, first.content)
        assert one.headers["location"] == first.headers["location"]
        assert one.headers["content-type"] == "application/json"
        assert one.headers[REPLAYED] == "true"
    assert sends_of(stored, tenant) == 1


async def test_another_body_or_endpoint_under_the_same_key_is_a_conflict(tenant: Tenant, stored: Database) -> None:
    await post(tenant, "one")
    for body, path in (({**SEND, "ttl": 60}, "/v1/sends"), ({"sends": [SEND]}, "/v1/sends:batch")):
        answer = await post(tenant, "one", body, path)
        assert (answer.status_code, answer.json()["status"]) == (409, 409), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert sends_of(stored, tenant) == 1


async def test_a_key_is_its_apps_own(tenant: Tenant, other: Tenant, stored: Database) -> None:
    mine, theirs = await post(tenant, "same"), await post(other, "same", {**SEND, "ttl": 5})
    assert (mine.status_code, theirs.status_code) == (202, 202)
    assert mine.json()["id"] != theirs.json()["id"]
    assert (sends_of(stored, tenant), sends_of(stored, other)) == (1, 1)


async def test_many_at_once_at_two_replicas_are_one_send_and_one_answer(
    tenant: Tenant, replica: httpx.AsyncClient, stored: Database
) -> None:
    for turn in range(10):
        headers = keyed(tenant.app_secret, f"race-{turn}")
        answers = await asyncio.gather(
            *(door.post("/v1/sends", json=SEND, headers=headers) for door in (tenant.http, replica) * 3)
        )
        assert {one.status_code for one in answers} == {202}, [one.text for one in answers]
        assert len({one.content for one in answers}) == 1
        assert sum(REPLAYED not in one.headers for one in answers) == 1
    assert sends_of(stored, tenant) == 10


async def test_a_race_with_two_bodies_has_one_winner(
    tenant: Tenant, replica: httpx.AsyncClient, stored: Database
) -> None:
    for turn in range(5):
        headers = keyed(tenant.app_secret, f"either-{turn}")
        answers = await asyncio.gather(
            tenant.http.post("/v1/sends", json=SEND, headers=headers),
            replica.post("/v1/sends", json={**SEND, "ttl": 60}, headers=headers),
        )
        assert sorted(one.status_code for one in answers) == [202, 409]
    assert sends_of(stored, tenant) == 5


async def test_what_was_refused_leaves_the_key_free(tenant: Tenant, stored: Database) -> None:
    unknown = {"audience": {"variants": ["v0000000000"]}, "message": {"title": "Ding"}}
    for _ in range(2):
        refused = await post(tenant, "mended", unknown)
        assert (refused.status_code, REPLAYED in refused.headers) == (422, False)
    mended = await post(tenant, "mended")
    assert mended.status_code == 202, mended.text
    assert sends_of(stored, tenant) == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
async def test_a_key_that_is_none_is_refused_and_nothing_is_stored(idle: Tenant, stored: Database, key: str) -> None:
    answer = await post(idle, key)
    assert (answer.status_code, answer.json()["detail"].startswith("header Idempotency-Key")) == (400, True)
    assert sends_of(stored, idle) == 0


async def test_an_app_made_twice_is_one_app_and_its_secrets_work(http: httpx.AsyncClient, stored: Database) -> None:
    name, headers = f"twice {secrets.token_hex(4)}", keyed(ADMIN, secrets.token_hex(8))
    made = [await http.post("/v1/apps", json={"name": name}, headers=headers) for _ in range(3)]
    assert [one.status_code for one in made] == [201] * 3
    assert len({one.content for one in made}) == 1
    assert [one.headers.get(REPLAYED) for one in made] == [None, "true", "true"]
    assert stored["apps"].count_documents({"name": name}) == 1
    assert (await http.get("/v1/sends", headers=bearer(made[2].json()["app_secret"]))).status_code == 200
    text = str(list(stored["keyed"].find({"app": "operator|admin"})))
    assert made[0].json()["app_secret"] not in text, "an answer may hold secrets: it is kept sealed"


async def test_variants_secrets_and_devices_are_made_once_too(
    tenant: Tenant, replica: httpx.AsyncClient, stored: Database
) -> None:
    variant = {"platform": "fcm", "name": "a third", "settings": credentials.fcm()}
    device = {"variant": tenant.apns, "token": "e5" * 32}
    for path, body, key in (
        (f"/v1/apps/{tenant.id}/variants", variant, ADMIN),
        (f"/v1/apps/{tenant.id}/secrets/app", None, ADMIN),
        ("/v1/devices", device, tenant.client_secret),
    ):
        headers = keyed(key, secrets.token_hex(8))
        answers = await asyncio.gather(
            *(door.post(path, json=body, headers=headers) for door in (tenant.http, replica) * 2)
        )
        assert len({one.content for one in answers}) == 1, [one.text for one in answers]
        assert {one.is_success for one in answers} == {True}
    assert stored["variants"].count_documents({"app": tenant.id}) == 3
    assert len(stored["apps"].find_one({"_id": tenant.id})["secrets"]["app"]) == 2
    assert stored["devices"].count_documents({"app": tenant.id}) == 1


async def test_a_send_whose_process_died_before_it_answered_is_not_made_again(
    tenant: Tenant, ingest: Ingest, stored: Database
) -> None:
    first = await post(tenant, "died")
    stored["keyed"].update_one({"app": f"{tenant.id}|app"}, {"$unset": {"answer": ""}})  # as a kill leaves it
    again = await post(tenant, "died")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.content == first.content
    assert sends_of(stored, tenant) == 1


async def test_a_process_that_is_late_does_not_overrule_the_answer_that_was_given(
    tenant: Tenant, ingest: Ingest
) -> None:
    async with store_of(ingest) as store:
        now = datetime.now(UTC)
        mine = await store.keyed.claim("a|app", "late", b"print", "one", now, timedelta(seconds=30))
        assert mine is not None
        assert await store.keyed.take_over(mine, "two", now, timedelta(seconds=30), at_once=False) is None
        taken = await store.keyed.take_over(mine, "two", now, timedelta(seconds=30), at_once=True)
        assert taken is not None
        assert taken.seed == mine.seed
        assert not await store.keyed.drop(mine), "another works it"
        given = FirstAnswer(202, b"{}", None, "two")
        assert await store.keyed.keep(taken, given) == given
        assert await store.keyed.keep(mine, FirstAnswer(202, b"other", None, "one")) == given
        assert await store.keyed.take_over(mine, "three", now, timedelta(0), at_once=True) is None


async def test_without_a_key_nothing_is_kept(tenant: Tenant, stored: Database) -> None:
    before = stored["keyed"].count_documents({})
    assert (await tenant.send(audience={"users": ["ada"]})).status_code == 202
    assert stored["keyed"].count_documents({}) == before
    indexes = stored["keyed"].index_information()
    assert [one["expireAfterSeconds"] for one in indexes.values() if "expireAfterSeconds" in one] == [86_400]
