"""What IBM's SDKs on phones ask: to be registered, looked at, changed, subscribed and forgotten, in their own words."""

from typing import Any

import httpx
import pytest

from tests.integration.ingest import credentials
from tests.integration.ingest.conftest import ADMIN, Database
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
IPHONE = {"deviceId": "D-1", "token": "AB" * 32, "platform": "A"}
PHONE = {"deviceId": "D-2", "token": "dGhpcyBpcyBhbg:APA91b", "platform": "G", "userId": "ada"}


async def ask(
    tenant: Tenant, method: str, where: str, body: object = None, *, backend: bool = False, app: str = ""
) -> httpx.Response:
    """As the app itself, or as its backend."""
    headers = {"appSecret": tenant.app_secret} if backend else {"clientSecret": tenant.client_secret}
    headers |= {"content-type": "application/json; charset = UTF-8", "X-REWRITE-DOMAIN": "https://push.example.com"}
    path = f"/imfpush/v1/apps/{app or tenant.id}/{where}"
    return await tenant.http.request(method, path, json=body, headers=headers)


async def offer(tenant: Tenant, *names: str) -> None:
    for name in names:
        made = await ask(tenant, "POST", "tags", {"name": name, "description": name.upper()}, backend=True)
        assert made.status_code == 201, made.text


def row(stored: Database, tenant: Tenant, name: str) -> Any:
    return stored["devices"].find_one({"app": tenant.id, "called": name})


async def test_a_device_is_registered_as_ibms_sdks_do_it(tenant: Tenant, stored: Database) -> None:
    first = await ask(tenant, "GET", "devices/D-1")
    assert (first.status_code, first.json()["code"]) == (404, "FPWSE0001E")
    made = await ask(tenant, "POST", "devices", IPHONE)
    assert made.status_code == 201, made.text
    said = made.json()
    expected = {**IPHONE, "token": "ab" * 32, "userId": "anonymous", "createdMode": "API"}
    assert {name: said[name] for name in expected} == expected
    assert made.headers["location"] == said["href"] == f"/imfpush/v1/apps/{tenant.id}/devices/D-1"
    assert said["createdTime"].endswith("Z")
    again = await ask(tenant, "GET", "devices/D-1")
    assert (again.status_code, again.json()) == (200, said)
    kept = row(stored, tenant, "D-1")
    assert (kept["variant"], kept["platform"], "user" in kept) == (tenant.apns, "apns", False)


async def test_a_device_changes_its_user_and_token_and_is_forgotten(tenant: Tenant, stored: Database) -> None:
    assert (await ask(tenant, "POST", "devices", {**PHONE, "variables": {"name": "Ada"}})).status_code == 201
    before = row(stored, tenant, "D-2")
    assert (before["user"], before["attributes"]) == ("ada", {"name": "Ada"})
    put = await ask(tenant, "PUT", "devices/D-2", {"deviceId": "D-2", "token": "other", "userId": "eve"})
    assert (put.status_code, put.json()["userId"], put.json()["token"]) == (200, "eve", "other")
    nobody = await ask(tenant, "PUT", "devices/D-2", {"deviceId": "D-2", "platform": "G"})
    assert (nobody.json()["userId"], nobody.json()["token"]) == ("anonymous", "other")
    after = row(stored, tenant, "D-2")
    assert (after["_id"], after["attributes"]) == (before["_id"], {"name": "Ada"})
    for wrong in ({"deviceId": "D-3"}, {"platform": "A"}, {"platform": "WEB_CHROME"}, {"phoneNumber": "1"}, {"x": 1}):
        refused = await ask(tenant, "PUT", "devices/D-2", wrong)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, f"/{next(iter(wrong))}")
    assert (await ask(tenant, "DELETE", "devices/D-2")).status_code == 204
    assert (await ask(tenant, "DELETE", "devices/D-2")).status_code == 404
    assert (await ask(tenant, "PUT", "devices/D-2", {"token": "t"})).status_code == 404


async def test_what_a_registration_lacks_is_named(idle: Tenant, stored: Database) -> None:
    for name in IPHONE:
        answer = await ask(idle, "POST", "devices", {key: value for key, value in IPHONE.items() if key != name})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, f"/{name}"), answer.text
    for platform in ("WEB_CHROME", "WEB_FIREFOX", "WEB_SAFARI", "APPEXT_CHROME", "W", "X"):
        answer = await ask(idle, "POST", "devices", {**IPHONE, "platform": platform})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/platform")
    assert stored["devices"].count_documents({"app": idle.id}) == 0


async def test_of_several_variants_the_app_names_its_own(tenant: Tenant, stored: Database) -> None:
    body = {"platform": "apns", "name": "sandbox", "settings": {**credentials.apns(), "environment": "sandbox"}}
    made = await tenant.http.post(f"/v1/apps/{tenant.id}/variants", json=body, headers=bearer(ADMIN))
    sandbox = made.json()["id"]
    either = await ask(tenant, "POST", "devices", IPHONE)
    assert (either.status_code, either.json()["errors"][0]["pointer"]) == (400, "/platform")
    assert sandbox in either.json()["message"]
    assert (await ask(tenant, "POST", "devices", IPHONE, app=f"{tenant.id}.{sandbox}")).status_code == 201
    assert row(stored, tenant, "D-1")["variant"] == sandbox
    assert (await ask(tenant, "GET", "devices/D-1")).json()["deviceId"] == "D-1"
    assert (await ask(tenant, "GET", "devices/D-1", app=f"{tenant.id}.{tenant.apns}")).status_code == 404
    assert (await ask(tenant, "POST", "devices", IPHONE, app=f"{tenant.id}.{tenant.apns}")).status_code == 201
    assert [one["variant"] for one in stored["devices"].find({"app": tenant.id})] == [tenant.apns], "one of a name"
    assert (await ask(tenant, "POST", "devices", PHONE)).status_code == 201, "there is one variant for Android"
    body = {"message": {"alert": "x"}}
    sent = await ask(tenant, "POST", "messages", body, backend=True, app=f"{tenant.id}.{sandbox}")
    routes = stored["sends"].find_one({"_id": f"{tenant.id}.{sent.json()['messageId']}"})["body"].decode()
    assert sandbox in routes
    assert tenant.fcm not in routes


async def test_a_backend_lists_devices_and_an_app_does_not(tenant: Tenant, other: Tenant) -> None:
    for one in (IPHONE, PHONE):
        await ask(tenant, "POST", "devices", one)
    ours = await tenant.register(token="cd" * 32, user="bob")
    assert (await ask(tenant, "GET", "devices")).status_code == 403
    asked: list[tuple[str, set[str], int]] = [
        ("", {"D-1", "D-2", ours}, 3),
        ("?userId=ada", {"D-2"}, 1),
        ("?filter=platform==A&expand=true", {"D-1", ours}, 2),
        ("?offset=2&size=2", set(), 3),
    ]
    for query, names, total in asked:
        answer = await ask(tenant, "GET", f"devices{query}", backend=True)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert (said["pageInfo"]["totalCount"], said["pageInfo"]["count"]) == (total, len(said["devices"]))
        assert names <= {one["deviceId"] for one in said["devices"]}, query
    for query in ("?filter=token==x", "?size=0", "?color=red"):
        answer = await ask(tenant, "GET", f"devices{query}", backend=True)
        assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0007E")
    assert (await ask(tenant, "GET", f"devices/{ours}")).json()["userId"] == "bob", "by our id"
    assert (await ask(other, "GET", f"devices/{ours}")).status_code == 404
    assert (await ask(other, "GET", "devices/D-1")).status_code == 404
    assert (await ask(other, "DELETE", "devices/D-1")).status_code == 404
    assert (await ask(other, "GET", "devices", app=tenant.id)).status_code == 401


async def test_a_message_finds_devices_by_the_names_that_apps_gave_them(tenant: Tenant, stored: Database) -> None:
    for one in (IPHONE, PHONE):
        await ask(tenant, "POST", "devices", one)
    body = {"message": {"alert": "x"}, "target": {"deviceIds": ["D-1", "D-2", "D-9"]}, "validate": True}
    refused = await ask(tenant, "POST", "messages", body, backend=True)
    assert (refused.status_code, refused.json()["code"]) == (404, "FPWSE0001E")
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/target/deviceIds/2"]
    body["validate"] = False
    done = await ask(tenant, "POST", "messages", body, backend=True)
    assert done.status_code == 202, done.text
    kept = stored["sends"].find_one({"_id": f"{tenant.id}.{done.json()['messageId']}"})["body"].decode()
    for name in ("D-1", "D-2"):
        assert row(stored, tenant, name)["_id"].hex() in kept


async def test_tags_are_offered_described_listed_and_withdrawn(tenant: Tenant, other: Tenant) -> None:
    await offer(tenant, "news", "a/b c")
    twice = await ask(tenant, "POST", "tags", {"name": "news"}, backend=True)
    assert (twice.status_code, twice.json()["code"]) == (409, "FPWSE0002E")
    everyone = await ask(tenant, "POST", "tags", {"name": "Push.ALL"}, backend=True)
    assert (everyone.status_code, everyone.json()["code"]) == (409, "FPWSE0002E"), "it would name some and mean all"
    listed = (await ask(tenant, "GET", "tags")).json()
    assert [one["name"] for one in listed["tags"]] == ["a/b c", "news"]
    assert all(isinstance(value, str) for one in listed["tags"] for value in one.values()), "Swift's parser asks"
    assert listed["pageInfo"]["totalCount"] == 2
    assert (await ask(tenant, "POST", "tags", {"name": "x"})).status_code == 403
    put = await ask(tenant, "PUT", "tags/a%2Fb%20c", {"description": "new"}, backend=True)
    assert (put.status_code, put.json()["description"]) == (200, "new")
    assert (await ask(tenant, "PUT", "tags/news", {"name": "olds"}, backend=True)).status_code == 400
    assert (await ask(tenant, "GET", "tags/a%2Fb%20c")).json()["href"].endswith("/tags/a%2Fb%20c")
    for method, body in (("GET", None), ("PUT", {"description": "x"}), ("DELETE", None)):
        answer = await ask(other, method, "tags/news", body, backend=True)
        assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")
    await ask(tenant, "POST", "devices", IPHONE)
    assert (await ask(tenant, "POST", "subscriptions", {"deviceId": "D-1", "tagName": "news"})).status_code == 201
    assert (await ask(tenant, "DELETE", "tags/news", backend=True)).status_code == 204
    assert (await ask(tenant, "GET", "subscriptions?deviceId=D-1")).json()["subscriptions"] == []
    assert (await ask(tenant, "GET", "tags/news")).status_code == 404


async def test_a_device_subscribes_to_one_tag_as_android_does(tenant: Tenant, stored: Database) -> None:
    await offer(tenant, "news", "sport")
    await ask(tenant, "POST", "devices", PHONE)
    wanted = {"deviceId": "D-2", "tagName": "news"}
    made = await ask(tenant, "POST", "subscriptions", wanted)
    assert made.status_code == 201, made.text
    said = made.json()
    assert (said["deviceId"], said["tagName"], said["userId"]) == ("D-2", "news", "ada")
    assert row(stored, tenant, "D-2")["facets"].count("t:news") == 1
    again = await ask(tenant, "POST", "subscriptions", wanted)
    assert (again.status_code, again.json()["code"]) == (409, "FPWSE0011E")
    unknown = await ask(tenant, "POST", "subscriptions", {**wanted, "tagName": "nothing"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "FPWSE0001E")
    assert (await ask(tenant, "POST", "subscriptions", {**wanted, "deviceId": "D-9"})).status_code == 404
    mine = (await ask(tenant, "GET", "subscriptions?deviceId=D-2")).json()
    assert [one["tagName"] for one in mine["subscriptions"]] == ["news"]
    assert all(isinstance(value, str) for value in mine["subscriptions"][0].values())
    assert (await ask(tenant, "GET", "subscriptions?tagName=news")).status_code == 403
    everyones = (await ask(tenant, "GET", "subscriptions?tagName=news", backend=True)).json()["subscriptions"]
    assert [(one["deviceId"], one["subscriptionId"]) for one in everyones] == [("D-2", said["subscriptionId"])]
    one = await ask(tenant, "GET", f"subscriptions/{said['subscriptionId']}", backend=True)
    assert (one.status_code, one.json()) == (200, said)
    assert (await ask(tenant, "DELETE", "subscriptions?deviceId=D-2&tagName=news")).status_code == 204
    gone = await ask(tenant, "DELETE", "subscriptions?deviceId=D-2&tagName=news")
    assert (gone.status_code, gone.json()["code"]) == (404, "FPWSE0012E")
    for id_ in (said["subscriptionId"], "x", "00:!", "0" * 24 + ":bmV3cw"):
        assert (await ask(tenant, "DELETE", f"subscriptions/{id_}")).status_code == 404, id_
    lacks = await ask(tenant, "DELETE", "subscriptions?deviceId=D-2")
    assert (lacks.status_code, lacks.json()["code"]) == (400, "FPWSE0008E")
    assert "t:news" not in row(stored, tenant, "D-2")["facets"]


async def test_a_device_subscribes_to_many_tags_as_ios_does(tenant: Tenant, stored: Database) -> None:
    await offer(tenant, "news", "sport", "music")
    await ask(tenant, "POST", "devices", IPHONE)
    await ask(tenant, "POST", "subscriptions", {"deviceId": "D-1", "tagName": "news"})
    done = await ask(tenant, "POST", "subscriptions", {"deviceId": "D-1", "tagNames": ["news", "sport", "x", "sport"]})
    assert done.status_code == 207, done.text
    said = done.json()
    assert said["tagsNotFound"]["tags"] == ["x"]
    assert [one["tagName"] for one in said["subscriptionExists"]] == ["news"]
    assert [(one["tagName"], one["deviceId"]) for one in said["subscribed"]] == [("sport", "D-1")]
    assert sorted(row(stored, tenant, "D-1")["tags"]) == ["news", "sport"]
    body = {"deviceId": "D-1", "tagNames": ["sport", "music", "x"]}
    done = await ask(tenant, "POST", "subscriptions?action=delete", body)
    said = done.json()
    assert (done.status_code, said["tagsNotFound"]["tags"]) == (207, ["x"])
    assert [one["tagName"] for one in said["subscriptionNotExists"]] == ["music"]
    assert [one["tagName"] for one in said["unsubscribed"]] == ["sport"]
    assert row(stored, tenant, "D-1")["tags"] == ["news"]
    for wrong in ({"deviceId": "D-1"}, {"deviceId": "D-1", "tagName": "a", "tagNames": ["b"]}, {"tagName": "a"}):
        assert (await ask(tenant, "POST", "subscriptions", wrong)).status_code == 400
    assert (await ask(tenant, "POST", "subscriptions?action=add", body)).status_code == 400


async def test_a_device_tells_that_it_showed_and_opened_a_message(tenant: Tenant, stored: Database) -> None:
    await ask(tenant, "POST", "devices", PHONE)
    id_ = (await ask(tenant, "POST", "messages", {"message": {"alert": "x"}}, backend=True)).json()["messageId"]
    for status in ("SEEN", "OPEN", "open"):
        told = await ask(tenant, "PUT", f"messages/{id_}", {"deviceId": "D-2", "status": status})
        assert told.status_code == 200, told.text
    kept = stored["interactions"].find({"send": f"{tenant.id}.{id_}"})
    assert sorted(one["kind"] for one in kept) == ["opened", "received"]
    for name, said, refused in (("D-9", "OPEN", 404), ("D-2", "LOST", 400)):
        answer = await ask(tenant, "PUT", f"messages/{id_}", {"deviceId": name, "status": said})
        assert answer.status_code == refused
    assert (await ask(tenant, "PUT", f"messages/{'x' * 20}", {"deviceId": "D-2", "status": "OPEN"})).status_code == 404


async def test_the_android_sdk_is_told_whose_messages_it_will_get(tenant: Tenant) -> None:
    answer = await ask(tenant, "GET", "settings/gcmConfPublic")
    assert (answer.status_code, answer.json()) == (200, {"senderId": "example-bells"})
    without = await ask(tenant, "GET", "settings/gcmConfPublic", app=f"{tenant.id}.{tenant.apns}")
    assert (without.status_code, without.json()["code"]) == (404, "FPWSE0003E")
