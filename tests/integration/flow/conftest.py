"""Two fleets: one that every test shares, with an app of its own, and one whose processes tests stop and kill."""

import secrets
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pymongo import MongoClient

from services.cli.local.fleet import TIME_SCALE, Fleet
from services.cli.local.servers import Broker
from services.cli.local.services import WAVES, Entry
from shared.store.connection import open_store
from shared.store.keyring import open_keyring
from tests.integration.flow.backend import Backend, OverAmqp, open_backend
from tests.integration.flow.providers import Providers
from tests.integration.flow.scene import Scene, open_scene
from tests.integration.flow.witness import witnessed

Extra = Mapping[str, Mapping[str, str]]
HERE = {"WEBHOOK_NETWORKS": "127.0.0.0/8"}
SMALL_CHUNKS: Extra = {"planner": {"CHUNK_SIZE": "20"}, "ingest": HERE, "reporter": HERE}
FAULTS: Extra = {
    "planner": {"CHUNK_SIZE": "20"},
    "delivery-apns": {"LEASE_SECONDS": "2"},
    "delivery-fcm": {"LEASE_SECONDS": "2"},
    "ingest": HERE,
    "reporter": HERE,
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With the failure of a test comes what its fleet logged meanwhile."""
    report = yield
    if report.when == "call" and report.failed:
        found = getattr(item, "funcargs", {}).values()
        for fleet in {one.fleet for one in found if isinstance(one, Scene)}:
            report.sections.append(("the fleet logged", witnessed(fleet.site.folder / "log", call.start)))
    return report


@contextmanager
def running(
    broker: Broker, mongodb_url: str, folder: Path, extra: Extra, scale: float = TIME_SCALE,
    waves: Sequence[Sequence[Entry]] = WAVES,
) -> Iterator[Fleet]:  # fmt: skip
    """A fleet with a virtual host and a database of its own."""
    name = f"flow-{secrets.token_hex(4)}"
    broker.ctl("add_vhost", name)
    broker.ctl("set_permissions", "--vhost", name, "carillon", ".*", ".*", ".*")
    amqp = broker.url.rpartition("/")[0] + "/" + name
    fleet = Fleet(folder, amqp, mongodb_url, database=name, time_scale=scale, extra=extra, waves=waves)
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.kill()
        broker.ctl("delete_vhost", name)
        with MongoClient[dict[str, object]](mongodb_url) as client:
            client.drop_database(name)


@pytest.fixture(scope="package")
def fleet(broker: Broker, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Shared: its processes are neither stopped nor killed."""
    with running(broker, mongodb_url, tmp_path_factory.mktemp("fleet"), SMALL_CHUNKS) as one:
        yield one


@pytest.fixture(scope="package")
def frail_fleet(broker: Broker, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(broker, mongodb_url, tmp_path_factory.mktemp("frail"), FAULTS) as one:
        yield one


@asynccontextmanager
async def scene_in(fleet: Fleet) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        limits = httpx.Limits(max_connections=40)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=fleet.api, timeout=20, limits=limits))
        control = await stack.enter_async_context(httpx.AsyncClient(base_url=fleet.control, timeout=20))
        keyring = open_keyring(fleet.site.folder / "keys" / "keyring")
        store = await stack.enter_async_context(open_store(fleet.site.mongodb_url, fleet.site.database, keyring))
        yield await open_scene(fleet, http, Providers(control, fleet.site.folder / "simulator"), store)


@pytest.fixture
def sends_by(request: pytest.FixtureRequest) -> str:
    """The door by which a scene's sends are made; see `BY_BOTH_DOORS`."""
    return str(getattr(request, "param", "http"))


@asynccontextmanager
async def scene_by(fleet: Fleet, sends_by: str) -> AsyncIterator[Scene]:
    """A scene whose sends are made by this door."""
    async with scene_in(fleet) as one:
        if sends_by == "http":
            yield one
            return
        async with open_backend(fleet.site.amqp_url) as over:
            await over.listen_for_answers()  # before several tasks make sends at once
            yield replace(one, over_amqp=OverAmqp(over, one))


@pytest.fixture
async def scene(fleet: Fleet, sends_by: str) -> AsyncIterator[Scene]:
    """An app of the test's own in the shared fleet."""
    async with scene_by(fleet, sends_by) as one:
        yield one


@pytest.fixture
async def frail(frail_fleet: Fleet, sends_by: str) -> AsyncIterator[Scene]:
    """The same in the fleet whose processes may be stopped and killed; afterwards all of them run again."""
    async with scene_by(frail_fleet, sends_by) as one:
        yield one
    for process in frail_fleet.processes.values():
        if not process.alive():
            process.start()


@pytest.fixture
async def backend(scene: Scene) -> AsyncIterator[Backend]:
    async with open_backend(scene.fleet.site.amqp_url) as one:
        yield one


@pytest.fixture
async def frail_backend(frail: Scene) -> AsyncIterator[Backend]:
    async with open_backend(frail.fleet.site.amqp_url) as one:
        yield one
