"""A store that does not answer: the door's memory stays bounded, and what it says about each send is true."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from pymongo import MongoClient

from services.cli.local.servers import Server
from tests.integration.ingest.tenant import make_tenant
from tests.integration.ingest.test_process import environ_for, process

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
FLOOD = 600
GROWTH = 50_000_000
"""Bytes. A request that waits takes some 20 kB, its connection included."""


async def test_a_flood_while_the_store_is_frozen_is_answered_truly_and_in_bounded_memory(
    own_amqp_url: str, own_store: Server, tmp_path: Path
) -> None:
    environ = environ_for(own_amqp_url, own_store.url, "slow", tmp_path)
    limits = httpx.Limits(max_connections=200)
    async with (
        process(environ) as (child, url),
        httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as http,
    ):
        tenant = await make_tenant(http, (tmp_path / "admin-key").read_text().strip(), "slow")
        assert (await tenant.send(audience={"users": ["ada"]})).status_code == 202
        before, pid = resident(child.pid), own_store.pid  # type: ignore[attr-defined]
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        flood = asyncio.gather(*(tenant.send(audience={"users": [f"u{n}"]}) for n in range(FLOOD)))
        await anyio.sleep(3)
        grown = resident(child.pid) - before
        async with httpx.AsyncClient(base_url=url, timeout=60) as other:
            assert (await other.get("/healthz")).status_code == 200
        os.kill(pid, signal.SIGCONT)
        answers = await asyncio.wait_for(flood, 90)
    assert grown < GROWTH
    with MongoClient[dict[str, Any]](own_store.url) as client:
        stored = {one["_id"] for one in client["slow"]["sends"].find({"app": tenant.id}, {"_id": 1})}
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {202, 503}, statuses
    accepted = {f"{tenant.id}.{one.json()['id']}" for one in answers if one.status_code == 202}
    unknown = [one for one in answers if one.status_code == 503 and "retry-after" not in one.headers]
    assert accepted <= stored
    assert len(stored) - 1 <= len(accepted) + len(unknown)  # what was refused for good is not there
    assert statuses[202] > 0


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
