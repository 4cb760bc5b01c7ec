"""The real servers that tests run against: testcontainers where a Docker daemon answers, local processes elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from services.cli.local import docker
from services.cli.local.mongod import LocalStore
from services.cli.local.ports import LOOPBACK
from services.cli.local.rabbitmq import LocalBroker
from services.cli.local.servers import Broker, Server

S = TypeVar("S", LocalBroker, LocalStore)


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    if docker.answers():
        with _contained(docker.container_broker(folder)) as container:
            yield container
    else:
        with _process(LocalBroker(folder)) as process:
            yield process


@contextmanager
def running_store(folder: Path) -> Iterator[Server]:
    if docker.answers():
        with _contained(docker.container_store(folder)) as container:
            yield container
    else:
        with _process(LocalStore(folder)) as process:
            yield process


@contextmanager
def _process(server: S) -> Iterator[S]:
    try:
        server.start()
        yield server
    finally:
        server.kill()  # its data ends with the test: no need to be gentle


@contextmanager
def _contained(container: docker.Container) -> Iterator[docker.Container]:
    """Made by testcontainers, whose reaper takes it away even when the tests are killed."""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415  it looks for a daemon when imported

    recipe = container.recipe
    made = DockerContainer(recipe.image).with_name(recipe.name).with_envs(**recipe.environment)
    made.ports[f"{recipe.inside}/tcp"] = (LOOPBACK, recipe.outside)  # type: ignore[assignment]  # as docker-py takes it
    with made.with_command(list(recipe.command)):
        container.start()
        yield container
