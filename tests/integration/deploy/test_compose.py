"""`docker compose up`, as far as it goes without Docker: the services start as the file says, a send passes."""

import io
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from rich.console import Console

from services.cli.api import open_api
from services.cli.follow import follow
from services.cli.local.ports import LOOPBACK
from services.cli.local.rabbitmq import PROGRAMS, LocalBroker
from services.cli.local.rabbitmq_node import environment
from services.cli.local.servers import Broker
from services.cli.rehearsal.audience import FEWEST, SOLOIST, draw
from services.cli.rehearsal.ledger import read
from services.cli.rehearsal.performance import PERSONAL, requests
from services.cli.rehearsal.stage import set_stage
from tests.integration.deploy.composition import Container, containers
from tests.integration.deploy.conftest import Deployment
from tests.integration.deploy.running import Machine, probed

OURS = [container for container in containers().values() if container.ours]
PATIENCE = timedelta(seconds=30)


def name_of(container: Container) -> str:
    return container.name


@pytest.mark.timeout(120)
def test_each_service_becomes_healthy_in_the_order_that_the_file_says(deployment: Deployment) -> None:
    assert {name: process.probe() for name, process in deployment.processes.items()} == {
        container.name: 0 for container in OURS
    }


@pytest.mark.anyio
async def test_one_send_passes(deployment: Deployment) -> None:
    ada = [device for device in draw(FEWEST, 1) if device.user == SOLOIST]
    inside = deployment.machine.environment(deployment.processes["ingest"].container)
    with open(inside["CARILLON_ADMIN_KEY_FILE"], encoding="utf-8") as file:  # noqa: ASYNC230, PTH123
        key = file.read().strip()
    async with (
        open_api(deployment.published("ingest"), key) as admin,
        open_api(deployment.published("simulator")) as control,
    ):
        stage = await set_stage(admin, control, ada, lambda _: None)
        sends = {PERSONAL: await stage.backend.send(requests()[PERSONAL])}
        final = await follow(stage.backend, sends, Console(file=io.StringIO()), PATIENCE)
    total = final[PERSONAL].report.total
    assert (final[PERSONAL].state, total.planned, total.delivered) == ("finished", 2, 2)
    log = deployment.machine.place("simulator") / "log"
    assert {(one.platform, one.token, one.accepted) for one in read(log, ("apns", "fcm"))} == {
        (device.platform, device.token, True) for device in ada
    }


@pytest.mark.parametrize("container", OURS, ids=name_of)
def test_a_health_check_fails_where_nobody_answers_and_where_the_answer_is_not_ready(
    container: Container, machine: Machine
) -> None:
    elsewhere = Machine(machine.folder, machine.servers, machine.names)  # with ports of its own
    command = elsewhere.health_check(container)
    assert probed(command, elsewhere) != 0
    ((_, port),) = elsewhere.ports.items()
    with answering(port, 503):
        assert probed(command, elsewhere) != 0
    with answering(port, 200) as asked:
        assert probed(command, elsewhere) == 0
    assert asked == ["/readyz"]


@contextmanager
def answering(port: int, status: int) -> Iterator[list[str]]:
    """A server that gives every request the same answer; yields the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as the library calls it
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the screen."""

    with HTTPServer((LOOPBACK, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def test_the_brokers_health_check_knows_a_broker_that_runs(broker: Broker) -> None:
    """The store's needs mongosh, which comes with its image only."""
    program, *arguments = containers()["rabbitmq"].health_check
    if not isinstance(broker, LocalBroker):
        pytest.skip("the broker of these tests runs in Docker, which runs its health check itself")
    node = environment(broker._folder, broker._identity)
    done = subprocess.run([PROGRAMS / program, *arguments], env=node, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_ends_in_time_and_well_when_it_is_told_to(deployment: Deployment) -> None:
    """The last one here."""
    began = time.monotonic()
    for process in deployment.processes.values():
        process.ask_to_stop()
    ends = {name: (process.await_end(30), time.monotonic() - began) for name, process in deployment.processes.items()}
    assert {name: code for name, (code, _) in ends.items()} == {container.name: 0 for container in OURS}
    for container in OURS:
        assert ends[container.name][1] < container.grace, container.name
