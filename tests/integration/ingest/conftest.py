"""One ingest for all of these tests, in this process, on a virtual host and a database of its own."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from pymongo import MongoClient

from services.cli.local.servers import Broker
from services.ingest.settings import IngestSettings
from services.ingest.wiring import running
from shared.runtime.life import Life
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from tests.integration.ingest.tenant import Tenant, make_tenant

Database = Any
ADMIN = "the-operators-key-of-the-tests-0123456789"


@dataclass(frozen=True, slots=True)
class Ingest:
    settings: IngestSettings
    url: str


@pytest.fixture(scope="package")
def stored(mongodb_url: str) -> Iterator[Database]:
    """The database, seen from beside ingest."""
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        database = client[f"test_{secrets.token_hex(6)}"]
        yield database
        client.drop_database(database.name)


@pytest.fixture(scope="package")
def own_amqp_url(broker: Broker) -> Iterator[str]:
    """The address of a virtual host of these tests' own."""
    name = f"ingest-{secrets.token_hex(4)}"
    broker.ctl("add_vhost", name)
    broker.ctl("set_permissions", "--vhost", name, "carillon", ".*", ".*", ".*")
    yield broker.url.rpartition("/")[0] + "/" + name
    broker.ctl("delete_vhost", name)


@pytest.fixture(scope="package")
def settings(
    own_amqp_url: str, mongodb_url: str, stored: Database, tmp_path_factory: pytest.TempPathFactory
) -> IngestSettings:
    return settings_for(own_amqp_url, mongodb_url, stored.name, tmp_path_factory.mktemp("ingest"))


@pytest.fixture(scope="package")
async def ingest(settings: IngestSettings) -> AsyncIterator[Ingest]:
    async with running(settings, Life(timedelta(seconds=5))) as port:
        url = f"http://127.0.0.1:{port}"
        await accepting(url)
        yield Ingest(settings, url)


@pytest.fixture(scope="package")
async def http(ingest: Ingest) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=ingest.url, timeout=60) as client:
        yield client


@pytest.fixture
async def tenant(http: httpx.AsyncClient) -> Tenant:
    return await make_tenant(http, ADMIN, f"bells {secrets.token_hex(4)}")


@pytest.fixture(scope="package")
async def idle(http: httpx.AsyncClient) -> Tenant:
    """An app of which nothing is ever stored; shared by the tests of what is refused."""
    return await make_tenant(http, ADMIN, "idle")


@pytest.fixture
async def other(http: httpx.AsyncClient) -> Tenant:
    """Another app, which must see nothing of the first."""
    return await make_tenant(http, ADMIN, f"whistles {secrets.token_hex(4)}")


@asynccontextmanager
async def store_of(ingest: Ingest) -> AsyncIterator[Store]:
    """The store of that ingest, by a connection of the test's own."""
    keyring = open_keyring(ingest.settings.keyring_file)
    async with open_store(ingest.settings.mongodb_url, ingest.settings.database, keyring) as store:
        yield store


def settings_for(amqp_url: str, mongodb_url: str, database: str, folder: Path) -> IngestSettings:
    return IngestSettings(
        amqp_url=amqp_url,
        mongodb_url=mongodb_url,
        database=database,
        keyring_file=folder / "keyring",
        admin_key=ADMIN,
        http_port=0,
    )


async def accepting(url: str) -> None:
    """Returns when ingest is ready and its door for sends is open, which takes a first confirmed publish."""
    async with httpx.AsyncClient(base_url=url) as client:
        with anyio.fail_after(60):
            while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110  # another process tells us nothing
                await anyio.sleep(0.02)
            while "carillon_ingest_open 1.0" not in (await client.get("/metrics")).text:  # noqa: ASYNC110
                await anyio.sleep(0.02)
