"""The whole on one machine: broker, store, services; remembered in a file, so that another process can end it."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.cli.local import docker
from services.cli.local.errors import StackStateError
from services.cli.local.fleet import TIME_SCALE, Fleet
from services.cli.local.mongod import LocalStore, cache_gb
from services.cli.local.owned import Owned
from services.cli.local.processes import DRAIN_PATIENCE
from services.cli.local.rabbitmq import LocalBroker
from services.cli.local.servers import Broker, Server, write_private
from services.cli.local.services import WAVES, Entry
from shared.bus.topology import TENANTS

FOUND: Mapping[str, Callable[[Mapping[str, Any]], Server]] = {
    "rabbitmq": LocalBroker.found,
    "mongod": LocalStore.found,
    docker.RABBITMQ_IMAGE: lambda state: docker.container_broker(Path(state["folder"])),
    docker.MONGODB_IMAGE: lambda state: docker.container_store(Path(state["folder"])),
}


class Stack:
    """A broker, a store and a fleet under one folder. Whoever makes it stops it, or leaves it to `down`."""

    def __init__(
        self,
        folder: Path,
        *,
        time_scale: float = TIME_SCALE,
        extra: Mapping[str, Mapping[str, str]] | None = None,
        waves: Sequence[Sequence[Entry]] = WAVES,
    ) -> None:
        """`extra`: see Fleet."""
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # keys and data are in it
        self.broker, self.store = _servers(self.folder)
        self.fleet = Fleet(
            self.folder, self.broker.url, self.store.url, time_scale=time_scale, extra=extra, waves=waves
        )

    def start(self) -> None:
        """Whatever stops it half-way, everything that was started is ended before the error goes on."""
        if anything_alive(self.folder):
            raise StackStateError(f"It is up already ({state_file(self.folder)}); `carillon down` stops it.")
        try:
            for server in (self.store, self.broker):
                server.start()
                self._remember()
            _bound_tenants(self.broker)
            self.fleet.start(self._remember)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        self.fleet.stop()
        self.broker.stop()
        self.store.stop()
        state_file(self.folder).unlink(missing_ok=True)

    def kill(self) -> None:
        self.fleet.kill()
        self.broker.kill()  # one that is still starting lets SIGTERM wait
        self.store.stop()
        state_file(self.folder).unlink(missing_ok=True)

    def addresses(self) -> dict[str, str]:
        servers = {"amqp": self.broker.url, "mongodb": self.store.url}
        return servers | {name: process.url for name, process in self.fleet.processes.items()}

    def _remember(self) -> None:
        state = {
            "addresses": self.addresses(),
            "admin_key_file": str(self.fleet.site.admin_key_file),
            "ca_file": str(self.fleet.site.ca_file),
            "log_folder": str(self.folder / "log"),
            "time_scale": self.fleet.site.time_scale,
            "servers": [server.state() for server in (self.broker, self.store) if server.state()],
            "services": {name: process.state() for name, process in self.fleet.processes.items() if process.state()},
        }
        write_private(state_file(self.folder), json.dumps(state, indent=1))


def _bound_tenants(broker: Broker) -> None:
    """The policy for queues that tenants make themselves; elsewhere the broker's definitions hold it."""
    definition = json.dumps(dict(TENANTS.definition))
    broker.ctl(
        "set_policy",
        "--vhost",
        broker.url.rpartition("/")[2],
        "--apply-to",
        "queues",
        TENANTS.name,
        TENANTS.pattern,
        definition,
    )


@contextmanager
def running(folder: Path, *, time_scale: float = TIME_SCALE) -> Iterator[Stack]:
    """A whole for as long as the block runs."""
    stack = Stack(folder, time_scale=time_scale)
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()


def state_file(folder: Path) -> Path:
    return folder / "stack.json"


def state(folder: Path) -> dict[str, Any]:
    """What `_remember` wrote; empty when nothing is up."""
    try:
        known: dict[str, Any] = json.loads(state_file(folder).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return known


def anything_alive(folder: Path) -> bool:
    known = state(folder)
    services = any(process.alive() for process in _services(known).values())
    return services or any(server.alive() for server in _found(known))


def down(folder: Path) -> list[str]:
    """End exactly what `up` started, services first. Returns the names of those that were still running."""
    known = state(folder)
    running = {name: process for name, process in _services(known).items() if process.alive()}
    for process in running.values():
        process.signal(signal.SIGTERM)
    for process in running.values():
        process.await_end(DRAIN_PATIENCE)
    servers = [server for server in _found(known) if server.alive()]
    for server in servers:
        server.stop()
    state_file(folder).unlink(missing_ok=True)
    return [*running, *(str(server.state()["kind"]) for server in servers)]


def wipe(folder: Path) -> None:
    """Delete all that a stopped stack keeps: data, keys, logs."""
    for server in _servers(folder):
        server.remove()
    shutil.rmtree(folder, ignore_errors=True)


def _servers(folder: Path) -> tuple[Broker, Server]:
    if docker.answers():
        return docker.container_broker(folder / "rabbitmq"), docker.container_store(folder / "mongodb")
    return LocalBroker(folder / "rabbitmq"), LocalStore(folder / "mongodb", cache_gb())


def _services(known: Mapping[str, Any]) -> dict[str, Owned]:
    return {name: Owned(one["pid"], one["born"]) for name, one in known.get("services", {}).items()}


def _found(known: Mapping[str, Any]) -> list[Server]:
    return [FOUND[one["kind"]](one) for one in known.get("servers", ())]
