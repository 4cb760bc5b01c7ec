"""What a process tells: alive whatever happens, ready only if everything really answers."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from shared.runtime.health import Check, health_app
from shared.runtime.metrics import Metrics
from shared.runtime.version import VERSION

pytestmark = pytest.mark.anyio


async def well() -> None:
    pass


async def sick() -> None:
    raise ConnectionError("amqp://user:s3cret@host is down")


async def silent() -> None:
    await asyncio.sleep(60)


async def get(path: str, checks: dict[str, Check], *, draining: bool = False) -> httpx.Response:
    app = health_app(checks, Metrics(), draining=lambda: draining, limit=timedelta(milliseconds=50))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(path)


async def test_ready_when_all_is_well() -> None:
    answer = await get("/readyz", {"rabbitmq": well, "mongodb": well})
    assert answer.status_code == 200
    assert set(answer.json()["checks"]) == {"rabbitmq", "mongodb"}


@pytest.mark.parametrize("bad", [sick, silent])
async def test_not_ready_when_one_fails_or_does_not_answer_and_it_is_named(bad: Check) -> None:
    answer = await get("/readyz", {"rabbitmq": well, "mongodb": bad})
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert (checks["rabbitmq"]["ok"], checks["mongodb"]["ok"]) == (True, False)
    assert checks["mongodb"]["seconds"] < 1
    assert "s3cret" not in answer.text


async def test_not_ready_while_draining_but_alive() -> None:
    assert (await get("/readyz", {"rabbitmq": well}, draining=True)).status_code == 503
    assert (await get("/healthz", {"rabbitmq": sick}, draining=True)).status_code == 200


async def test_metrics_and_version_are_served() -> None:
    metrics = await get("/metrics", {})
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "carillon_broker_blocked" in metrics.text
    assert (await get("/version", {})).json() == {"version": VERSION}
