"""Schemathesis asks for everything that the OpenAPI document allows, and much that it does not: no 5xx, no surprise."""

import asyncio
import base64
import json
import os
import secrets
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pymongo import MongoClient

from services.ingest.call import Endpoint
from services.ingest.doors.ibm.described import IBM
from services.ingest.routes import ENDPOINTS
from services.ingest.watching import STREAM
from services.ingest.wiring import running
from shared.runtime.life import Life
from tests.integration.ingest.conftest import ADMIN, accepting, settings_for
from tests.integration.ingest.tenant import Tenant, make_tenant

pytestmark = pytest.mark.anyio
EXAMPLES: Final = os.environ.get("SCHEMATHESIS_EXAMPLES", "200")
"""Of each operation, and as many stories of several: about five minutes. `make fuzz` asks for more."""
CHECKS: Final = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SEED: Final = "20261122"
UNAIMED: Final = "import hypothesis\n\nhypothesis.target = lambda *_, **__: None\n"
"""Hooks: schemathesis aims at inputs that are accepted, in a hunt that takes three fifths of the time (measured)."""


@pytest.fixture(scope="module")
def database(mongodb_url: str) -> Iterator[str]:
    """One of its own: it finds every app that there is, and those of other tests may be sealed with other keys."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        client.drop_database(name)


@pytest.fixture(scope="module")
async def url(
    own_amqp_url: str, mongodb_url: str, database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    settings = settings_for(own_amqp_url, mongodb_url, database, tmp_path_factory.mktemp("asked"))
    async with running(settings, Life(timedelta(seconds=5))) as port:
        found = f"http://127.0.0.1:{port}"
        await accepting(found)
        yield found


def configured(tenant: Tenant) -> str:
    """Each operation with a key that may use it, and where it needs one an app that there is.

    It cannot write lines of JSON: the import's own tests do. Of a stream that goes on it reads the first event.
    """
    keys = {"admin": ADMIN, "app": tenant.app_secret, "client": tenant.client_secret}
    app = f'parameters = {{ "path.app" = {json.dumps(tenant.id)} }}'
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)  # a block for each operation is slow to look through
    for endpoint in ENDPOINTS:
        settings = [
            f"headers = {{ Authorization = {json.dumps(said(tenant, endpoint, keys[endpoint.access[0]]))} }}",
            *(["enabled = false"] if endpoint.lines else []),
            *(["max-stream-events = 1", "request-timeout = 5"] if STREAM in endpoint.media else []),
            *([app] if asked_of(endpoint) else []),
        ]
        alike[tuple(settings)].append(f"{endpoint.method} {endpoint.path}")
    for endpoint in IBM.endpoints:
        settings = [f"headers = {{ appSecret = {json.dumps(tenant.app_secret)} }}", app]
        alike[tuple(settings)].append(f"{endpoint.method} {endpoint.path}")
    lines = ['hooks = "hooks.py"', "", "[generation]", "allow-x00 = false", ""]
    for settings_, names in alike.items():
        lines += ["[[operations]]", f"include-name = {json.dumps(names)}", *settings_, ""]
    return "\n".join(lines)


def asked_of(endpoint: Endpoint) -> bool:
    """Whether it is asked about the app that there is; that keeps its secrets."""
    return "{app}" in endpoint.path and "/secrets/" not in endpoint.path


def said(tenant: Tenant, endpoint: Endpoint, key: str) -> str:
    """How a caller says who it is: with the id of a variant where the path does not work without."""
    basic = tenant.basic(endpoint.path, key)
    return f"Basic {base64.b64encode(':'.join(basic).encode()).decode()}" if basic else f"Bearer {key}"


@pytest.mark.timeout(3600)
async def test_every_operation_answers_as_documented(url: str, tmp_path: Path) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        tenant = await make_tenant(http, ADMIN, "asked")
    (tmp_path / "hooks.py").write_text(UNAIMED, "utf-8")
    (tmp_path / "schemathesis.toml").write_text(configured(tenant), "utf-8")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--max-examples", EXAMPLES,
        "--checks", CHECKS, "--phases", "fuzzing,stateful", "--seed", SEED, "--workers", "2",
        "--no-color", "--suppress-health-check", "all",
    ]  # fmt: skip
    log = tmp_path / "log"
    with log.open("wb") as told:
        process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stdout=told, stderr=told)
        code = await process.wait()
    assert code == 0, log.read_text("utf-8")[-20_000:]
