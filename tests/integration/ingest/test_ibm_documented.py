"""What the OpenAPI document says of IBM's door is so: every status happens, no other, and every body fits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from services.ingest.call import Endpoint
from services.ingest.doors.ibm.described import IAM, IBM
from services.ingest.openapi import document
from tests.integration.ingest.conftest import ADMIN
from tests.integration.ingest.documented import Schema, check_answer, validator
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
Bodies = list[Any]
Headers = dict[str, str]
ROOT = "/imfpush/v1/apps/{app}"
GRANT = "urn:ibm:params:oauth:grant-type:apikey"
RARE = {"408", "500", "503"}
"""What no request brings about."""
HUGE = RARE | {"413"}
"""Where it takes 32 MB."""
FULL = {
    "message": {"alert": "Hi {{name}}", "url": "https://a"}, "target": {"platforms": ["A", "G"]}, "validate": True,
    "settings": {
        "apns": {"badge": 1, "sound": "s", "type": "MIXED", "payload": {"a": [1]}, "titleLocArgs": ["a"]},
        "gcm": {"priority": "MAX", "timeToLive": 5.5, "sync": "true", "lights": {"ledOnMs": 1}, "style": {"lines": []}},
    },
}  # fmt: skip
GOOD: dict[str, Bodies] = {
    "POST /messages": [{"message": {"alert": "Hi"}}, FULL, {"message": {"alert": "Hi"}, "target": {"userIds": ["a"]}}],
    "POST /messages/bulk": [[{"message": {"alert": "Hi"}}], [FULL, {"message": {"alert": "Hi"}}]],
    "PUT /messages/{message}": [{"deviceId": "D-1", "status": "OPEN"}, {"deviceId": "D-1", "status": "SEEN"}],
    "POST /devices": [
        {"deviceId": "D-3", "token": "AB" * 32, "platform": "A", "variables": {"name": "Ada", "age": 5}},
        {"deviceId": "D-4", "token": "dGhpcw:APA91b", "platform": "G", "userId": "ada"},
    ],
    "PUT /devices/{device}": [{"deviceId": "D-1", "userId": "eve"}, {"token": "CD" * 32, "platform": "A"}],
    "POST /subscriptions": [
        {"deviceId": "D-1", "tagName": "sport"},
        {"deviceId": "D-1", "tagNames": ["news", "music", "nonesuch"]},
    ],
    "POST /tags": [{"name": "a/b"}, {"name": "b", "description": "B"}],
    "PUT /tags/{tag}": [{"description": "x"}, {"name": "news", "description": "y"}],
}  # fmt: skip
ASKED: dict[str, list[str]] = {
    "GET /messages": ["", "?offset=1&size=1&expand=true"],
    "GET /devices": ["", "?filter=platform==A&userId=ada"],
    "GET /subscriptions": ["?deviceId=D-1", "?tagName=news", "?userId=ada"],
    "DELETE /subscriptions": ["?deviceId=D-1&tagName=news"],
    "GET /tags": ["", "?size=1"],
    "POST /subscriptions": ["", "?action=delete"],
}
BAD: Bodies = [{}, [], 5, None, {"colour": "red"}, {"deviceId": 5}, {"message": {}}, [{"message": {"alert": ""}}]]


@pytest.fixture(scope="module")
def api() -> Schema:
    return document()


async def made(tenant: Tenant) -> dict[str, str]:
    """Something of each kind, by the name that paths have for it."""

    async def post(where: str, body: object) -> Any:
        answer = await tenant.http.post(
            f"{ROOT.format(app=tenant.id)}/{where}", json=body, headers={"appSecret": tenant.app_secret}
        )
        assert answer.is_success, answer.text
        return answer.json()

    for name in ("news", "sport", "music"):
        await post("tags", {"name": name})
    await post("devices", {"deviceId": "D-1", "token": "EF" * 32, "platform": "A", "userId": "ada"})
    message = (await post("messages", {"message": {"alert": "Hi", "url": "https://a"}}))["messageId"]
    subscription = (await post("subscriptions", {"deviceId": "D-1", "tagName": "news"}))["subscriptionId"]
    return {"app": tenant.id, "device": "D-1", "tag": "news", "message": message, "subscription": subscription}


@dataclass(slots=True)
class Asking:
    """Asks one endpoint, holds each answer against the document, and keeps the statuses."""

    tenant: Tenant
    api: Schema
    endpoint: Endpoint
    seen: set[str] = field(default_factory=set)

    @property
    def operation(self) -> Schema:
        found: Schema = self.api["paths"][self.endpoint.path][self.endpoint.method.lower()]
        return found

    async def ask(self, path: str, body: object = None, headers: Headers | None = None, **more: Any) -> httpx.Response:
        """As the backend, unless headers say otherwise."""
        secret = {"appSecret": self.tenant.app_secret} if headers is None else headers
        said: dict[str, Any] = {} if body is None else {"json": body}
        answer = await self.tenant.http.request(self.endpoint.method, path, headers=secret, **said, **more)
        check_answer(self.api, self.operation, answer)
        self.seen.add(str(answer.status_code))
        return answer

    async def who(self, path: str) -> None:
        """By nobody, and by an app on a phone."""
        for nobody in ({}, {"appSecret": "x"}, bearer(ADMIN)):
            assert (await self.ask(path, headers=nobody)).status_code == 401
        client = {"clientSecret": self.tenant.client_secret}
        for asked in (path, *([f"{path}?nonesuch=x", f"{path}?tagName=news"] if self.endpoint.query else [])):
            if "client" not in self.endpoint.access or "?" in asked:
                await self.ask(asked, headers=client)

    async def wrongly(self, path: str) -> None:
        """With what it does not take."""
        if self.endpoint.query:
            await self.ask(f"{path}?size=x&action=x")
        if self.endpoint.request:
            secret = {"appSecret": self.tenant.app_secret}
            for body in BAD:
                await self.ask(path, body)
            await self.ask(path, headers=secret, content=b"{")
            await self.ask(path, headers=secret | {"content-type": "text/plain"}, content=b"{}")
            await self.ask(path, headers=secret, content=b" " * 70_000)

    async def rightly(self, path: str, bodies: Bodies) -> None:
        """With what it takes; the last once more under the first one's `Idempotency-Key`."""
        again = {"appSecret": self.tenant.app_secret, "Idempotency-Key": path}
        for body in bodies:
            headers = again if self.endpoint.method == "POST" and body is bodies[0] else None
            answer = await self.ask(path, body, headers)
            assert answer.is_success or answer.status_code == 409, answer.text
            if body is not None:
                taken = self.operation["requestBody"]["content"]["application/json"]["schema"]
                validator(self.api, taken).validate(body)
        if self.endpoint.method == "POST":
            assert (await self.ask(path, bodies[-1], again)).status_code == 409


@pytest.mark.parametrize("endpoint", IBM.endpoints, ids=lambda one: f"{one.method} {one.path.removeprefix(ROOT)}")
async def test_every_documented_answer_happens_and_no_other(tenant: Tenant, api: Schema, endpoint: Endpoint) -> None:
    name = f"{endpoint.method} {endpoint.path.removeprefix(ROOT)}"
    there, asking = await made(tenant), Asking(tenant, api, endpoint)
    path = endpoint.path.format(**there)
    bodies, queries = GOOD.get(name, [None]), ASKED.get(name, [""])
    await asking.who(path)
    await asking.wrongly(path)
    for query in queries:
        await asking.rightly(path + query, bodies)
    nowhere = endpoint.path.format(**dict.fromkeys(there, "nonesuch") | {"app": tenant.id})
    elsewhere = endpoint.path.format(**there | {"app": f"{tenant.id}.nonesuch"})
    for lost in (nowhere, elsewhere):
        await asking.ask(lost + queries[0], bodies[0])
    never = HUGE if endpoint.body_limit > 70_000 else RARE
    assert asking.seen == asking.operation["responses"].keys() - never


FORMS: list[tuple[Callable[[Tenant], dict[str, Any]], int, str]] = [
    (
        lambda tenant: {"data": {"grant_type": GRANT, "apikey": tenant.app_secret, "response_type": "cloud_iam"}},
        200,
        "",
    ),
    (lambda tenant: {"data": {"grant_type": GRANT, "apikey": tenant.client_secret}}, 400, "BXNIM0415E"),
    (lambda tenant: {"data": {"grant_type": "password", "apikey": tenant.app_secret}}, 400, "BXNIM0106E"),
    (lambda _: {"data": {"grant_type": GRANT}}, 400, "BXNIM0109E"),
    (lambda _: {"content": b"\xff"}, 400, "BXNIM0109E"),
    (lambda _: {"content": b"x" * 20_000}, 413, "BXNIM0108E"),
]


async def test_the_exchange_of_a_key_answers_as_documented(tenant: Tenant, api: Schema) -> None:
    (endpoint,) = IAM.endpoints
    operation = api["paths"][endpoint.path]["post"]
    for form, status, code in FORMS:
        answer = await tenant.http.post(endpoint.path, **form(tenant))
        check_answer(api, operation, answer)
        assert (answer.status_code, answer.json().get("errorCode", "")) == (status, code)
    taken = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    validator(api, taken).validate(FORMS[0][0](tenant)["data"])
    assert {"200", "400", "413"} == operation["responses"].keys() - RARE


async def test_below_the_doors_paths_nothing_answers_in_other_words(tenant: Tenant) -> None:
    headers = {"appSecret": tenant.app_secret}
    root = ROOT.format(app=tenant.id)
    for method, path, status in (("GET", f"{root}/webhooks", 404), ("PATCH", f"{root}/messages", 405)):
        answer = await tenant.http.request(method, path, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert {"message", "code", "docUrl"} <= answer.json().keys()
    assert "GET, POST" in answer.headers["allow"]
    get = await tenant.http.get("/identity/token")
    assert (get.status_code, get.json()["errorCode"]) == (405, "BXNIM0060E")


def test_a_bad_request_does_not_fit_the_documented_schema(api: Schema) -> None:
    schema = api["components"]["schemas"]["IbmPushMessage"]
    for bad in ({}, {"message": {}, "colour": "red"}, {"message": {}, "settings": {"gcm": {"channelId": "x"}}}):
        assert not validator(api, schema).is_valid(bad), bad
    for named in ("DeviceView", "Line", "Found", "TagView"):
        said = api["components"]["schemas"][f"Ibm{named}"]
        assert all("anyOf" not in of for of in said["properties"].values()), "their parsers know no null"
