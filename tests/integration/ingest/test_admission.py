"""While the broker does not confirm, sends are refused before anything is stored; what got 202 is stored."""

import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import aio_pika
import anyio
import httpx
import pytest

from services.cli.local.servers import Broker
from services.ingest.wiring import running
from shared.bus.connection import open_bus
from shared.bus.topology import sends_queue, slices_queue, topology
from shared.flow.lane import Lane
from shared.providers.registry import platforms
from shared.runtime.life import Life
from tests.integration.ingest.conftest import ADMIN, Database, accepting, settings_for
from tests.integration.ingest.tenant import Answer, Tenant, make_tenant
from tests.integration.servers import running_broker

pytestmark = pytest.mark.anyio
AUDIENCE = {"users": ["ada"]}


@pytest.fixture(scope="module")
def modules_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """For tests that trouble it, and mend it."""
    with running_broker(tmp_path_factory.mktemp("troubled-rabbitmq")) as broker:
        yield broker


@pytest.fixture
async def cut_off(
    modules_broker: Broker, mongodb_url: str, stored: Database, tmp_path: Path
) -> AsyncIterator[tuple[Tenant, Broker]]:
    """A tenant of an ingest whose broker is the module's own."""
    settings = settings_for(modules_broker.url, mongodb_url, stored.name, tmp_path)
    async with running(settings, Life(timedelta(seconds=5))) as port:
        url = f"http://127.0.0.1:{port}"
        await accepting(url)
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            yield await make_tenant(http, ADMIN, f"cut off {secrets.token_hex(4)}"), modules_broker


async def until(tenant: Tenant, status: int) -> list[Answer]:
    """Sends until one is answered so; gives what was accepted."""
    accepted = []
    with anyio.fail_after(60):
        while (answer := await tenant.send(audience=AUDIENCE)).status_code != status or status == 202:
            assert answer.status_code in (202, 503), answer.text
            if answer.status_code == 202:
                accepted.append(answer.json())
                if status == 202:
                    break
            await anyio.sleep(0.05)
    return accepted


async def test_under_an_alarm_of_the_broker_what_is_refused_was_never_stored(
    cut_off: tuple[Tenant, Broker], stored: Database
) -> None:
    tenant, broker = cut_off
    sends = stored["sends"]
    await until(tenant, 202)
    await anyio.to_thread.run_sync(broker.ctl, "set_vm_memory_high_watermark", "0")
    try:
        accepted = await until(tenant, 503)
        before = sends.count_documents({"app": tenant.id})
        assert before == 1 + len(accepted)
        async with anyio.create_task_group() as tasks:

            async def refused() -> None:
                answer = await tenant.send(audience=AUDIENCE)
                assert answer.status_code == 503
                assert int(answer.headers["retry-after"]) > 0
                assert "nothing was stored" in answer.json()["detail"]

            for _ in range(50):
                tasks.start_soon(refused)
        many = await tenant.send(audience={"users": [f"u{n}" for n in range(11)]})
        assert many.status_code == 503
        assert sends.count_documents({"app": tenant.id}) == before
        assert stored["lists"].count_documents({"app": tenant.id}) == 0
        assert (await tenant.get("/v1/sends")).status_code == 200
        assert await tenant.register(token="a1" * 32)
        for one in accepted:
            assert sends.find_one({"_id": f"{tenant.id}.{one['id']}"})
    finally:
        await anyio.to_thread.run_sync(broker.ctl, "set_vm_memory_high_watermark", "0.4")
    await until(tenant, 202)


async def test_without_the_queues_nothing_is_accepted_until_they_are_back(
    cut_off: tuple[Tenant, Broker], stored: Database
) -> None:
    tenant, broker = cut_off
    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        for queue in (sends_queue(Lane.NOW), *(slices_queue(platform, Lane.NOW) for platform in platforms())):
            await channel.queue_delete(queue, if_unused=False)
    await until(tenant, 503)
    before = stored["sends"].count_documents({"app": tenant.id})
    assert (await tenant.send(audience=AUDIENCE)).status_code == 503
    assert stored["sends"].count_documents({"app": tenant.id}) == before
    async with open_bus(broker.url, name="test") as bus:
        await bus.declare(topology(platforms()))
    await until(tenant, 202)


async def test_a_broker_that_is_killed_shuts_the_door_and_one_that_is_back_opens_it(
    cut_off: tuple[Tenant, Broker], stored: Database
) -> None:
    tenant, broker = cut_off
    await anyio.to_thread.run_sync(broker.kill)
    accepted = await until(tenant, 503)
    before = stored["sends"].count_documents({"app": tenant.id})
    assert before == len(accepted)
    assert (await tenant.send(audience=AUDIENCE)).status_code == 503
    assert stored["sends"].count_documents({"app": tenant.id}) == before
    assert (await tenant.http.get("/readyz")).status_code == 503
    assert (await tenant.http.get("/healthz")).status_code == 200
    await anyio.to_thread.run_sync(broker.start)
    await until(tenant, 202)
