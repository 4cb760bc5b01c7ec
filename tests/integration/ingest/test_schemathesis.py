"""Schemathesis asks for everything that the OpenAPI document allows, and much that it does not: no 5xx, no surprise."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Final

import pytest

from services.ingest.routes import ENDPOINTS
from tests.integration.ingest.conftest import ADMIN, Ingest
from tests.integration.ingest.tenant import Tenant

pytestmark = pytest.mark.anyio
EXAMPLES: Final = os.environ.get("SCHEMATHESIS_EXAMPLES", "10")
"""Of each operation; `make fuzz` asks for 200, which takes minutes."""
CHECKS: Final = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SEED: Final = "20261122"


def configured(tenant: Tenant) -> str:
    """Each operation with a key that may use it, and where it needs one an app that there is."""
    keys = {"admin": ADMIN, "app": tenant.app_secret, "client": tenant.client_secret}
    lines = ["[generation]", "allow-x00 = false", ""]
    for endpoint in ENDPOINTS:
        lines += [
            "[[operations]]",
            f"include-name = {json.dumps(f'{endpoint.method} {endpoint.path}')}",
            f'headers = {{ Authorization = "Bearer {keys[endpoint.access[0]]}" }}',
            "",
        ]
    return "\n".join(lines)


@pytest.mark.timeout(3600)
async def test_every_operation_answers_as_documented(ingest: Ingest, tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(configured(tenant), "utf-8")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{ingest.url}/openapi.json", "--max-examples", EXAMPLES,
        "--checks", CHECKS, "--phases", "fuzzing,stateful", "--seed", SEED, "--workers", "2",
        "--no-color", "--suppress-health-check", "all",
    ]  # fmt: skip
    log = tmp_path / "log"
    with log.open("wb") as told:
        process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stdout=told, stderr=told)
        code = await process.wait()
    assert code == 0, log.read_text("utf-8")[-20_000:]
