"""Every endpoint of IBM's door: nothing without the right secret of the right app, and no input that makes it fail."""

import re
from collections.abc import Iterator

import httpx
import pytest

from services.ingest.call import Endpoint
from services.ingest.doors.ibm.routes import ENDPOINTS
from tests.integration.ingest.conftest import ADMIN, Database
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
NAMES = [f"{one.method} {one.path}" for one in ENDPOINTS]
BODIES = [
    "", "null", "[]", '"x"', "{}", "[{}]", "{" * 5000, '{"message": {"alert": null}}', '{"message": {"alert": 1e400}}',
    '{"deviceId": "\\u0000"}', '{"name": "\\ud800"}', '{"deviceId": "d", "token": "t", "platform": ["A"]}',
]  # fmt: skip
QUERIES = ["size=x", "offset=-1", "deviceId=%00&tagName=%00", "deviceId=&tagName=", "action=x", "filter=$where", "a=b"]
THINGS = ["x", "%00", "%FF", "a%2Fb", "%F0%9F%94%94", "0" * 24, "x" * 20, "y" * 3000, "0" * 24 + ":%3D", "$ne"]


def path(endpoint: Endpoint, app: str, thing: str = "x" * 20) -> str:
    return re.sub(r"\{(?!app)[^}]+\}", thing, endpoint.path).replace("{app}", app)


async def ask(tenant: Tenant, endpoint: Endpoint, app: str, **headers: str) -> httpx.Response:
    return await tenant.http.request(endpoint.method, path(endpoint, app), json={}, headers=headers)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=NAMES)
async def test_only_the_apps_own_secrets_open_it(idle: Tenant, other: Tenant, endpoint: Endpoint) -> None:
    wrong = [
        {}, {"appSecret": "x"}, {"clientSecret": "x"}, {"appSecret": ADMIN}, bearer(ADMIN), bearer("x"),
        {"appSecret": other.app_secret}, {"clientSecret": other.client_secret}, bearer(other.app_secret),
        {"appSecret": idle.client_secret}, {"clientSecret": idle.app_secret},
    ]  # fmt: skip
    for headers in wrong:
        answer = await ask(idle, endpoint, idle.id, **headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED"), headers
    assert (await ask(idle, endpoint, idle.id, appSecret=idle.app_secret)).status_code not in (401, 403)
    client = await ask(idle, endpoint, idle.id, clientSecret=idle.client_secret)
    assert ("this needs a key of the kind" in client.text) == ("client" not in endpoint.access)


def attempts(endpoint: Endpoint, app: str) -> Iterator[tuple[str, str]]:
    """Addresses and bodies that nobody means."""
    for query in QUERIES if endpoint.query else ():
        yield f"{path(endpoint, app)}?{query}", "{}"
    for thing in THINGS if endpoint.path.count("{") > 1 else ():
        yield path(endpoint, app, thing), '{"deviceId": "d", "status": "OPEN"}'
    yield path(endpoint, f"{app}.$ne%00"), "{}"
    for body in BODIES if endpoint.request else ():
        yield path(endpoint, app), body
        yield path(endpoint, app), body


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=NAMES)
async def test_nothing_that_is_asked_makes_it_fail(idle: Tenant, stored: Database, endpoint: Endpoint) -> None:
    headers = {"appSecret": idle.app_secret, "content-type": "application/json"}
    for url, body in attempts(endpoint, idle.id):
        answer = await idle.http.request(endpoint.method, url, content=body, headers=headers)
        assert answer.status_code < 500, (url, body, answer.text)
        if answer.status_code >= 400 and answer.headers["content-type"] == "application/json":
            assert {"message", "code", "docUrl"} <= answer.json().keys()
    assert stored["sends"].count_documents({"app": idle.id}) == 0
    assert stored["devices"].count_documents({"app": idle.id}) == 0
