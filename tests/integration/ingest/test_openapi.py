"""The OpenAPI document is true: each answer to good and bad requests has a documented status, and a body that fits."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from services.ingest.call import Endpoint
from services.ingest.openapi import document
from services.ingest.routes import ENDPOINTS
from shared.flow.identity import device_id
from tests.integration.ingest import credentials
from tests.integration.ingest.conftest import ADMIN
from tests.integration.ingest.documented import Schema, check_answer, validator
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
Bodies = list[object]
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
NINE = (datetime.now(UTC) + timedelta(days=2)).replace(tzinfo=None).isoformat()
GOOD: dict[str, Callable[[Tenant], Bodies]] = {
    "POST /v1/apps": lambda tenant: [{"name": f"documented {tenant.id}"}, {"name": f"documented {tenant.id}"}],
    "POST /v1/apps/{app}/variants": lambda _: [
        {"platform": "apns", "name": "one", "settings": credentials.apns()},
        {"platform": "fcm", "name": "two", "settings": credentials.fcm()},
    ],
    "PUT /v1/apps/{app}/variants/{variant}": lambda _: [{"settings": credentials.apns("com.example.other")}],
    "POST /v1/devices": lambda tenant: [
        {"variant": tenant.apns, "token": "c3" * 32, "user": "ada", "attributes": {"a": 1, "b": None, "c": "x"}},
        {"variant": tenant.apns, "token": "c3" * 32, "tags": ["a"], "zone": "Europe/Berlin", "locale": "de"},
    ],
    "POST /v1/apps/{app}/hygiene:restore": lambda tenant: [
        {"from": "2030-01-01T00:00:00Z", "to": "2030-01-01T01:00:00+00:00"},
        {"from": "2030-01-01T00:00:00Z", "to": "2030-01-01T01:00:00Z", "variant": tenant.apns},
    ],
    "POST /v1/templates": lambda _: [
        {"name": "welcome", "message": {"title": "Ding"}},
        {"name": "welcome", "message": {"title": "Ding", "localized": {"de": {"title": "Kling"}}, "fallbacks": {}}},
    ],
    "POST /v1/templates:preview": lambda tenant: [
        {"template": {"name": "tpl", "version": 1}, "device": device_id(tenant.apns, "t:" + "d4" * 32).hex()},
    ],
    "POST /v1/devices/{device}:subscribe": lambda _: [{"tags": ["a"]}, {"categories": ["ads"]}],
    "POST /v1/devices/{device}:unsubscribe": lambda _: [{"tags": ["a"], "categories": ["ads"]}],
    "POST /v1/audiences:estimate": lambda _: [
        {"audience": {"everyone": True}},
        {"audience": {"filter": {"and": [{"field": "tags", "in": ["a", "b"]}, {"not": {"segment": "red"}}]}}},
    ],
    "POST /v1/segments": lambda _: [
        {"name": "new", "filter": {"or": [{"field": "app_version", "gte": "2.1"}, {"field": "zone", "exists": False}]}},
        {"name": "red", "filter": {"field": "tags", "eq": "red"}},
    ],
    "PUT /v1/segments/{segment}": lambda _: [{"filter": {"field": "attributes.age", "gt": 5, "lte": 7.5}}],
    "PUT /v1/apps/{app}/rules": lambda _: [{}, {"confirm_above": 5, "stale_after_days": 90, "opt_in": ["ads"]}],
    "PUT /v1/devices/{device}": lambda _: [{}, {"user": None, "tags": ["news"]}],
    "POST /api/push": lambda _: [
        {"notifications": [{"tokens": ["t"], "platform": 2, "message": "Hello", "data": {"a": 1}}]},
    ],
    "POST /rest/sender": lambda tenant: [
        {"message": {"alert": "Hi", "badge": "1", "apns": {"title": "T", "url-args": ["a"], "mutable-content": True}}},
        {"message": {"user-data": {"a": 1}}, "criteria": {"variants": [tenant.fcm]}, "config": {"ttl": -1}},
    ],
    "POST /rest/sender/batch": lambda _: [[{"message": {"alert": "Hi", "priority": "HIGH"}}, {"message": {}}]],
    "POST /rest/registry/device": lambda _: [
        {"deviceToken": "c3" * 32, "alias": "ada", "categories": ["a", {"name": "b"}], "osVersion": "17.4"},
    ],
    "POST /rest/registry/device/importer": lambda _: [[{"deviceToken": "c3" * 32, "enabled": False}], []],
    "POST /v1/sends:batch": lambda tenant: [
        {
            "sends": [
                {"audience": {"users": ["ada"]}, "message": {"title": "Ding"}},
                {"audience": {"tokens": {tenant.fcm: ["t"]}}, "message": {"title": "Ding"}, "validate_only": True},
                {"audience": {"users": ["ada"]}, "message": {"title": "x" * 4000}},
            ]
        },
    ],
    "POST /v1/sends": lambda tenant: [
        {"audience": {"everyone": True}, "message": {"title": "Ding"}, "validate_only": True},
        {"audience": {"everyone": True}, "message": {"title": "Ding"}, "dry_run": True},
        {"audience": {"everyone": True}, "message": {"title": "Ding", "data": {"a": "b"}}},
        {"audience": {"users": ["ada"]}, "message": {"body": "Dong", "apns": {"priority": 5}}, "lane": "now"},
        {"audience": {"segments": ["red"], "exclude": {"users": ["ada"]}}, "message": {}, "category": "ads"},
        {"audience": {"topic": "news"}, "message": {"title": "Ding"}, "confirm": True, "stale_after_days": 5},
        {"audience": {"tokens": {tenant.fcm: ["t"]}}, "message": {"fcm": {"data": {"a": "b"}}}, "ttl": 5.5},
        {"audience": {"everyone": True}, "message": {"title": "Ding"}, "send_at": TOMORROW, "start_within": 60},
        {"audience": {"everyone": True}, "message": {}, "local": {"at": NINE, "passed": "skip", "zone": "Asia/Tokyo"}},
    ],
    "POST /v1/interactions": lambda _: [
        {"interactions": [{"send": "nosuchsend", "device": "0" * 24, "kind": "opened"}]},
        {"interactions": [{"send": "nosuchsend", "device": "0" * 24, "kind": "action", "action": "reply"}]},
    ],
    "PUT /v1/apps/{app}/retention": lambda _: [{"days": 7}],
    "POST /v1/webhooks": lambda _: [{"url": "https://example.com/hook", "events": ["send.finished"]}],
    "PUT /v1/webhooks/{webhook}": lambda _: [{}, {"enabled": False}, {"enabled": True, "events": ["anomaly"]}],
    "POST /v1/webhooks/{webhook}:replay": lambda _: [
        {"from": "2030-01-01T00:00:00Z", "to": "2030-01-01T01:00:00Z", "events": ["one"]},
    ],
    "PUT /v1/apps/{app}/policy": lambda _: [
        {"quiet_hours": {"start": "22:00", "end": "08:00", "mode": "drop", "zone": "Europe/Berlin"}},
        {},
    ],
    "PUT /v1/sends/{send}": lambda _: [{"audience": {"everyone": True}, "message": {}, "send_at": TOMORROW}],
}
WITH: dict[str, Callable[[str], str]] = {
    "GET /v1/sends:compare": lambda send: f"?ids={send}",
}
"""What is asked with a query that an endpoint does not do without."""
BAD: Bodies = [{}, [], 5, None, {"colour": "red"}, {"name": 5}, {"settings": {}}, {"audience": {}, "message": {}}]


@pytest.fixture(scope="module")
def api() -> Schema:
    return document()


async def test_the_document_that_is_served_is_the_one_that_is_tested(http: httpx.AsyncClient, api: Schema) -> None:
    served = await http.get("/openapi.json")
    assert served.headers["content-type"] == "application/json"
    assert served.json() == api


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
async def test_every_answer_is_documented(tenant: Tenant, api: Schema, endpoint: Endpoint) -> None:
    operation = api["paths"][endpoint.path][endpoint.method.lower()]
    device = await tenant.register(token="d4" * 32, user="ada", tags=["x"], attributes={"n": 1.5})
    send = (await tenant.send(audience={"users": ["ada"]}, send_at=TOMORROW)).json()["id"]
    await tenant.post("/v1/templates", {"name": "tpl", "message": {"title": "Ding"}})
    await tenant.post("/v1/segments", {"name": "red", "filter": {"field": "tags", "eq": "red"}})
    hook = (await tenant.post("/v1/webhooks", {"url": "https://example.com", "events": ["anomaly"]})).json()["id"]
    erasure = (await tenant.http.delete("/v1/users/x", headers=bearer(tenant.app_secret))).json()["id"]
    there = {
        "app": tenant.id, "variant": tenant.apns, "kind": "app", "device": device, "send": send, "template": "tpl",
        "segment": "red", "webhook": hook, "user": "ada", "erasure": erasure, "token": "d4" * 32,
        "message": f"{send}.{device}",
    }  # fmt: skip
    asking = WITH.get(f"{endpoint.method} {endpoint.path}")
    query = asking(send) if asking else ""
    path = endpoint.path.format(**there)
    keys = {"admin": ADMIN, "app": tenant.app_secret, "client": tenant.client_secret}
    seen: set[int] = set()

    async def asked(path: str, key: str, **more: Any) -> httpx.Response:
        basic = tenant.basic(path, key)
        request = tenant.http.build_request(endpoint.method, path, headers={} if basic else bearer(key), **more)
        answer = await tenant.http.send(request, stream=True, auth=basic)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if kind == "text/event-stream":  # which has no end
            assert kind in operation["responses"]["200"]["content"]
        else:
            await answer.aread()
            check_answer(api, operation, answer)
        await answer.aclose()
        seen.add(answer.status_code)
        return answer

    await asked(path, "nobody")
    for kind in keys.keys() - set(endpoint.access):
        await asked(path, keys[kind])
    wrong: Bodies = BAD if endpoint.request else []
    for body in wrong:
        await asked(path, keys[endpoint.access[0]], json=body)
    if endpoint.request:
        await asked(path, keys[endpoint.access[0]], content=b"{")
        await asked(path, keys[endpoint.access[0]], content=b" " * 70_000)
    if endpoint.query:
        await asked(path + "?nonesuch=x", keys[endpoint.access[0]])
    bodies: Bodies = GOOD[f"{endpoint.method} {endpoint.path}"](tenant) if endpoint.request else [None]
    for good in bodies:
        answer = await asked(path + query, keys[endpoint.access[0]], **({} if good is None else {"json": good}))
        assert answer.is_success or answer.status_code == 409, answer.text
        if endpoint.request:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            validator(api, schema).validate(good)
    if "{" in endpoint.path:
        nowhere = {"device": "0" * 24, "user": "x" * 300}
        missing = endpoint.path.format(**dict.fromkeys(there, "nonesuch") | nowhere)
        await asked(missing, keys[endpoint.access[0]], **({} if bodies[0] is None else {"json": bodies[0]}))
    ends = {204} if endpoint.only_media else set()  # after the end of a send, which nobody works here
    documented = {int(status) for status in endpoint.replies} - ends
    assert documented <= seen, "a documented success never happened"
    assert {401, 403} <= seen


async def test_the_open_endpoints_answer_as_documented(http: httpx.AsyncClient, api: Schema) -> None:
    for path, operations in api["paths"].items():
        if operations.get("get", {}).get("security") == []:
            answer = await http.get(path)
            documented = operations["get"]["responses"][str(answer.status_code)]["content"]
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind in documented, path
            if kind == "application/json":
                validator(api, documented[kind]["schema"]).validate(answer.json())


def test_a_bad_request_does_not_fit_the_documented_schema(api: Schema) -> None:
    schema = api["paths"]["/v1/sends"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    bodies: Bodies = [
        {"message": {}},
        {"audience": {"everyone": True}, "message": {"pigeon": {}}},
        {"audience": {"everyone": True}, "message": {"apns": {"wings": 2}}},
        {"audience": {"everyone": True}, "message": {}, "colour": "red"},
    ]
    for body in bodies:
        assert not validator(api, schema).is_valid(body), body


def test_every_schema_is_one_and_every_reference_leads_somewhere(api: Schema) -> None:
    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [ref for value in node.values() for ref in references(value)]
        return [ref for value in node for ref in references(value)] if isinstance(node, list) else []

    known = api["components"]["schemas"]
    for schema in known.values():
        Draft202012Validator.check_schema(schema)
    assert references(api)
    assert {ref for ref in references(api) if ref.removeprefix("#/components/schemas/") not in known} == set()
