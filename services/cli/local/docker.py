"""The same two servers as containers, where a Docker daemon answers; their ports are bound on loopback only."""

import functools
import hashlib
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.local.errors import StartFailedError
from services.cli.local.mongod import CACHE_GB, EVICTION, REPLICA_SET, primary
from services.cli.local.owned import wait_until
from services.cli.local.ports import LOOPBACK, free_port
from services.cli.local.rabbitmq import speaks_amqp
from services.cli.local.rabbitmq_node import USER, VHOST
from services.cli.local.servers import START_PATIENCE, remembered

RABBITMQ_IMAGE = "rabbitmq:3.13"
RABBITMQ_PORT = 5672
MONGODB_IMAGE = "mongo:6"
MONGODB_PORT = 27017
MONGODB_COMMAND = (
    *("mongod", "--replSet", REPLICA_SET, "--bind_ip_all"),
    *("--wiredTigerCacheSizeGB", str(CACHE_GB), "--wiredTigerEngineConfigString", EVICTION),
    *("--slowOpSampleRate", "0"),  # the log of a slow query has users' names in it
)
BY_HAND = f"""\
Neither a Docker daemon nor Debian's packages could be used. With Docker, these do the same:

  docker run -d -p {LOOPBACK}:{RABBITMQ_PORT}:{RABBITMQ_PORT} -e RABBITMQ_DEFAULT_USER={USER} \\
      -e RABBITMQ_DEFAULT_PASS=choose-one -e RABBITMQ_DEFAULT_VHOST={VHOST} {RABBITMQ_IMAGE}
  docker run -d --name carillon-mongodb -p {LOOPBACK}:{MONGODB_PORT}:{MONGODB_PORT} {MONGODB_IMAGE} \\
      {" ".join(MONGODB_COMMAND)}
  docker exec carillon-mongodb mongosh --quiet --eval 'rs.initiate()'

and `docker compose up` runs all of Carillon."""


@functools.cache
def answers() -> bool:
    """Whether a Docker daemon answers; asked once a process."""
    if shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], check=False, capture_output=True, timeout=10).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that makes a container."""

    name: str
    image: str
    inside: int  # the port it listens on
    outside: int  # the same port on loopback
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    def run_arguments(self) -> list[str]:
        variables = [part for name, value in self.environment.items() for part in ("--env", f"{name}={value}")]
        published = ("--publish", f"{LOOPBACK}:{self.outside}:{self.inside}")
        return ["run", "--detach", "--name", self.name, *published, *variables, self.image, *self.command]


class Container:
    """A container known by its name; its data outlives a stop, and ends with `remove`."""

    def __init__(self, recipe: Recipe, url: str, ready: Callable[[], bool], folder: Path) -> None:
        self.recipe = recipe
        self.url = url
        self._folder = folder.absolute()
        self._ready = ready

    def start(self) -> None:
        name = self.recipe.name
        _docker(*(("start", name) if self._exists() else self.recipe.run_arguments()))
        if not wait_until(self._ready, START_PATIENCE):
            raise StartFailedError(f"{name} is not ready:\n{_docker('logs', '--tail', '15', name)}")

    def stop(self) -> None:
        _docker("stop", self.recipe.name)

    def kill(self) -> None:
        _docker("kill", "--signal", "KILL", self.recipe.name)

    def remove(self) -> None:
        if self._exists():
            _docker("rm", "--force", "--volumes", self.recipe.name)
        shutil.rmtree(self._folder, ignore_errors=True)

    def alive(self) -> bool:
        return bool(_docker("ps", "--quiet", "--filter", f"name=^{self.recipe.name}$"))

    def state(self) -> dict[str, int | str]:
        return {"kind": self.recipe.image, "folder": str(self._folder)}

    def ctl(self, *arguments: str) -> str:
        return _docker("exec", self.recipe.name, "rabbitmqctl", "--quiet", *arguments)

    def _exists(self) -> bool:
        return bool(_docker("ps", "--all", "--quiet", "--filter", f"name=^{self.recipe.name}$"))


def container_broker(folder: Path) -> Container:
    identity = remembered(folder / "identity.json", {"port": free_port(), "password": secrets.token_urlsafe(18)})
    port, password = int(identity["port"]), str(identity["password"])
    environment = {
        "RABBITMQ_DEFAULT_USER": USER,
        "RABBITMQ_DEFAULT_PASS": password,
        "RABBITMQ_DEFAULT_VHOST": VHOST,
    }
    recipe = Recipe(_name(folder, "rabbitmq"), RABBITMQ_IMAGE, RABBITMQ_PORT, port, environment)
    return Container(recipe, f"amqp://{USER}:{password}@{LOOPBACK}:{port}/{VHOST}", lambda: speaks_amqp(port), folder)


def container_store(folder: Path) -> Container:
    port = int(remembered(folder / "identity.json", {"port": free_port()})["port"])
    recipe = Recipe(_name(folder, "mongodb"), MONGODB_IMAGE, MONGODB_PORT, port, command=MONGODB_COMMAND)
    # Inside, the node knows itself by another port than outside: so the client must not discover.
    url = f"mongodb://{LOOPBACK}:{port}/?directConnection=true"
    return Container(recipe, url, lambda: primary(LOOPBACK, port, member=f"localhost:{MONGODB_PORT}"), folder)


def _name(folder: Path, server: str) -> str:
    """One container a folder."""
    return f"carillon-{hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:8]}-{server}"


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise StartFailedError(f"docker {arguments[0]} failed:\n{done.stderr.strip()}")
    return done.stdout.strip()
