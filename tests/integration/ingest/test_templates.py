"""Stored templates: versions that never change, shown, listed and removed; another app sees none of it."""

import asyncio

import pytest

from tests.integration.ingest.conftest import Database
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
PATH = "/v1/templates"


async def test_a_name_gets_a_further_version_each_time_and_the_old_ones_stay(tenant: Tenant) -> None:
    made = [await tenant.post(PATH, {"name": "welcome", "message": {"title": f"v{n}"}}) for n in (1, 2, 3)]
    assert [(one.status_code, one.json()["version"]) for one in made] == [(201, 1), (201, 2), (201, 3)]
    assert (await tenant.get(made[1].headers["location"])).json()["message"] == {"title": "v2"}
    assert (await tenant.get(f"{PATH}/welcome")).json()["version"] == 3
    for missing in (f"{PATH}/welcome?version=4", f"{PATH}/nonesuch", f"{PATH}/-x"):
        assert (await tenant.get(missing)).status_code == 404
    assert (await tenant.get(f"{PATH}/welcome?version=0")).status_code == 422


async def test_versions_made_at_once_have_numbers_of_their_own(tenant: Tenant) -> None:
    made = await asyncio.gather(*(tenant.post(PATH, {"name": "busy", "message": {"title": str(n)}}) for n in range(8)))
    assert {one.status_code for one in made} == {201}
    assert sorted(one.json()["version"] for one in made) == list(range(1, 9))


async def test_with_a_key_it_is_one_version(tenant: Tenant, stored: Database) -> None:
    headers = bearer(tenant.app_secret) | {"Idempotency-Key": "once"}
    body = {"name": "once", "message": {"title": "v"}}
    first = await tenant.http.post(PATH, json=body, headers=headers)
    stored["keyed"].update_one({"app": f"{tenant.id}|app"}, {"$unset": {"answer": ""}})  # as a kill leaves it
    again = await tenant.http.post(PATH, json=body, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert stored["templates"].count_documents({"app": tenant.id}) == 1


async def test_they_are_listed_by_name_a_page_at_a_time_and_nobody_elses(tenant: Tenant, other: Tenant) -> None:
    for name in ("c", "a", "b", "a"):
        await tenant.post(PATH, {"name": name, "message": {"title": name}})
    first = (await tenant.get(f"{PATH}?limit=2")).json()
    assert [(one["name"], one["version"]) for one in first["templates"]] == [("a", 2), ("b", 1)]
    rest = (await tenant.get(f"{PATH}?limit=2&after={first['next']}")).json()
    assert ([one["name"] for one in rest["templates"]], rest["next"]) == (["c"], None)
    assert (await other.get(PATH)).json() == {"templates": [], "next": None}
    assert (await other.get(f"{PATH}/a")).status_code == 404
    headers = bearer(other.app_secret)
    assert (await other.http.delete(f"{PATH}/a", headers=headers)).status_code == 404


async def test_a_template_that_is_removed_is_gone_and_its_name_is_free(tenant: Tenant) -> None:
    await tenant.post(PATH, {"name": "gone", "message": {"title": "v"}})
    headers = bearer(tenant.app_secret)
    assert (await tenant.http.delete(f"{PATH}/gone", headers=headers)).status_code == 204
    assert (await tenant.http.delete(f"{PATH}/gone", headers=headers)).status_code == 404
    assert (await tenant.get(f"{PATH}/gone")).status_code == 404
    assert (await tenant.post(PATH, {"name": "gone", "message": {"title": "w"}})).json()["version"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x y", "message": {"title": "t"}}, "/name"),
        ({"name": "x", "message": {"template": True, "title": "{{ nobody }}"}}, "/message/title"),
        ({"name": "x", "message": {"title": "t", "pigeon": {}}}, "/message/pigeon"),
        ({"name": "x", "message": {"title": "t", "localized": {"d": {}}}}, "/message/localized/d"),
        ({"name": "x"}, "/message"),
    ],
)
async def test_a_bad_one_is_refused_by_field(idle: Tenant, stored: Database, body: object, pointer: str) -> None:
    answer = await idle.post(PATH, body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert stored["templates"].count_documents({"app": idle.id}) == 0


async def test_a_preview_names_what_is_not_there(idle: Tenant) -> None:
    device, message = "0" * 24, {"title": "t"}
    for body, pointer in (
        ({"template": {"name": "nonesuch"}, "device": device}, "/template"),
        ({"message": message, "device": device}, "/device"),
        ({"message": message, "device": "x"}, "/device"),
        ({"device": device}, ""),
        ({"message": {"title": 5}, "device": device}, "/message/title"),
    ):
        answer = await idle.post(f"{PATH}:preview", body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
