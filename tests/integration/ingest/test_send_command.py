"""`carillon send` as a person types it becomes a send that is stored as it was meant."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.flow.send import Send
from tests.integration.ingest.conftest import Database, Ingest
from tests.integration.ingest.tenant import Tenant

pytestmark = pytest.mark.anyio


async def typed(tenant: Tenant, url: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CARILLON_URL": url, "CARILLON_APP_SECRET": tenant.app_secret}
    command = [sys.executable, "-m", "services.cli", "send", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, input=given, env=environment, capture_output=True, text=True
    )


def kept(stored: Database, tenant: Tenant, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found = stored["sends"].find_one({"_id": f"{tenant.id}.{done.stdout.strip()}"})
    assert found is not None
    return Send.model_validate_json(found["body"]).request.model_dump(mode="json", exclude_defaults=True)


async def test_every_option_is_in_the_send_that_is_stored(tenant: Tenant, ingest: Ingest, stored: Database) -> None:
    body = {"name": "welcome", "message": {"title": "Hi {{ values.name }}", "template": True}}
    assert (await tenant.post("/v1/templates", body)).status_code == 201
    soon = datetime.now(UTC) + timedelta(days=30)
    narrow = ("--filter", '{"field": "language", "eq": "de"}', "--exclude-user", "bob", "--exclude-user", "eve")
    spread = ("--per-minute", "600", "--canary", "5%", "--category", "ads", "--critical", "--confirm")
    told, named, wrong = await asyncio.gather(
        typed(
            tenant,
            ingest.url,
            "--title",
            "Ding",
            *narrow,
            *spread,
            "--local",
            f"{soon:%Y-%m-%dT09:00}",
            "--zone",
            "UTC",
        ),
        typed(tenant, ingest.url, "--template", "welcome", "--values", "@-", given='{"ada": {"name": "Ada"}}'),
        typed(tenant, ingest.url, "--title", "Ding", "--filter", '{"field": "colour", "eq": "red"}'),
    )
    said = kept(stored, tenant, told)
    assert said["audience"]["filter"] == {"field": "language", "eq": "de"}
    assert said["audience"]["exclude"] == {"users": ["bob", "eve"]}
    assert (said["per_minute"], said["canary"]["share"], said["category"]) == (600, 0.05, "ads")
    assert (said["critical"], said["confirm"], said["local"]["at"]) == (True, True, f"{soon:%Y-%m-%dT09:00:00}")
    said = kept(stored, tenant, named)
    assert (said["audience"], said["values"]) == ({"users": ["ada"]}, {"ada": {"name": "Ada"}})
    assert said["template"] == {"name": "welcome", "version": 1}
    assert (wrong.returncode, "audience.filter.field" in wrong.stderr) == (1, True), wrong.stderr
