"""One broker and one store for the whole run; a virtual host for each module, a database for each test."""

import secrets
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from services.cli.local.servers import Broker, Server
from tests.integration.servers import running_broker, running_store


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Shared: do not stop it. A test that does takes `own_broker`."""
    with running_broker(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Shared: do not stop it. A test that does takes `own_store`."""
    with running_store(tmp_path_factory.mktemp("mongodb")) as running:
        yield running


@pytest.fixture
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """For tests that stop or kill it; takes about 5 s to start."""
    with running_broker(tmp_path_factory.mktemp("own-rabbitmq")) as running:
        yield running


@pytest.fixture
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For tests that stop or kill it; takes about 1 s to start."""
    with running_store(tmp_path_factory.mktemp("own-mongodb")) as running:
        yield running


@pytest.fixture(scope="module")
def vhost(broker: Broker) -> Iterator[str]:
    """The name of a virtual host of the module's own: two calls of rabbitmqctl, too slow to be had by each test."""
    name = f"test-{secrets.token_hex(4)}"
    broker.ctl("add_vhost", name)
    broker.ctl("set_permissions", "--vhost", name, "carillon", ".*", ".*", ".*")
    yield name
    broker.ctl("delete_vhost", name)


@pytest.fixture(scope="module")
def amqp_url(broker: Broker, vhost: str) -> str:
    """The address of the module's own virtual host."""
    return broker.url.rpartition("/")[0] + "/" + vhost


@pytest.fixture(scope="session")
def mongodb_url(store: Server) -> str:
    return store.url


@pytest.fixture
def database(mongodb_url: str) -> Iterator[str]:
    """The name of a database of the test's own; dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    with MongoClient[dict[str, object]](mongodb_url) as client:
        client.drop_database(name)
