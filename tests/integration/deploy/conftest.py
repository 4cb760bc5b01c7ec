"""All of docker-compose.yml with the simulator's override, running, once for the tests of this folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

import pytest
from pymongo import MongoClient

from services.cli.local.ports import LOOPBACK
from tests.integration.deploy.composition import Container, containers
from tests.integration.deploy.image import IMAGE
from tests.integration.deploy.running import Machine, Process, app


@dataclass(frozen=True, slots=True)
class Deployment:
    machine: Machine
    processes: Mapping[str, Process]

    def published(self, name: str) -> str:
        """Where Docker would publish its port, here the port itself."""
        ((_, _, inside),) = self.processes[name].container.published
        return f"http://{LOOPBACK}:{self.machine.port(name, inside)}"


def urls(known: Mapping[str, Container]) -> tuple[str, str]:
    """Broker and store as their own containers make them."""
    broker, command = known["rabbitmq"].environment, known["mongodb"].command
    user, password, vhost = (broker[f"RABBITMQ_DEFAULT_{part}"] for part in ("USER", "PASS", "VHOST"))
    replica_set = command[command.index("--replSet") + 1]
    return f"amqp://{user}:{password}@rabbitmq:5672/{vhost}", f"mongodb://mongodb:27017/?replicaSet={replica_set}"


@pytest.fixture(scope="module")
def machine(amqp_url: str, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    known = containers()
    broker, store = urls(known)
    machine = Machine(tmp_path_factory.mktemp("docker"), {broker: amqp_url, store: mongodb_url}, frozenset(known))
    app(machine).mkdir()
    IMAGE.unpack(app(machine))
    yield machine
    with MongoClient[dict[str, object]](mongodb_url) as client:
        for name in {container.environment.get("CARILLON_DATABASE", "carillon") for container in known.values()}:
            client.drop_database(name)


@pytest.fixture(scope="module")
def deployment(machine: Machine) -> Iterator[Deployment]:
    """Each is started when those that it waits for are healthy, as Compose does; all of them are healthy."""
    processes = {name: Process(each, machine) for name, each in containers().items() if each.ours}
    order = TopologicalSorter(
        {name: processes.keys() & each.container.after.keys() for name, each in processes.items()}
    )
    order.prepare()
    try:
        while order.is_active():
            ready = order.get_ready()
            for name in ready:
                processes[name].start()
            for name in ready:
                processes[name].await_healthy()
            order.done(*ready)
        yield Deployment(machine, processes)
    finally:
        for process in processes.values():
            process.kill()
