"""RabbitMQ as a plain local process: its own node, cookie, epmd, ports and data under one folder, all on loopback.

Any number run side by side, as root or as an ordinary user, also beside a broker that the machine already has.
"""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from services.cli.local.errors import NotInstalledError
from services.cli.local.owned import Owned, await_ready, spawn, unbroken
from services.cli.local.ports import LOOPBACK, free_port, require_free
from services.cli.local.rabbitmq_node import USER, VHOST, environment, fresh_identity, write_files
from services.cli.local.servers import START_PATIENCE, STOP_PATIENCE, remembered

PROGRAMS = Path("/usr/lib/rabbitmq/bin")  # Debian's; those in /usr/sbin change the user
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"  # AMQP 0-9-1, section 4.2.2


class LocalBroker:
    """One broker and its epmd. Whoever makes it stops it; the data outlives it in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._identity = remembered(self._folder / "identity.json", fresh_identity())
        self._beam: Owned | None = None
        self._epmd: Owned | None = None

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{self._identity['password']}@{LOOPBACK}:{self._identity['port']}/{VHOST}"

    @property
    def pid(self) -> int | None:
        return self._beam.pid if self._beam else None

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(process.pid for process in (self._beam, self._epmd) if process)

    def start(self) -> None:
        _require_programs()
        require_free(int(self._identity["port"]), int(self._identity["dist_port"]))
        write_files(self._folder, self._identity)
        variables = environment(self._folder, self._identity)
        log = self._folder / "log" / "start.log"
        if self._epmd is None or not self._epmd.alive():
            # In the foreground and started first, so that the broker does not start one that outlives it.
            with unbroken():
                self._epmd = spawn([_epmd_program(), "-address", LOOPBACK], variables, log)
        with unbroken():
            self._beam = spawn([str(PROGRAMS / "rabbitmq-server")], variables, log)
        await_ready("RabbitMQ", self._beam, lambda: speaks_amqp(int(self._identity["port"])), START_PATIENCE, log)

    def stop(self) -> None:
        for process in filter(None, (self._beam, self._epmd)):
            process.end(STOP_PATIENCE)

    def kill(self) -> None:
        for process in filter(None, (self._beam, self._epmd)):
            process.kill()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def alive(self) -> bool:
        return self._beam is not None and self._beam.alive()

    def ctl(self, *arguments: str) -> str:
        port = str(free_port())  # rabbitmqctl is an Erlang node too, and listens
        variables = environment(self._folder, self._identity) | {
            "RABBITMQ_CTL_DIST_PORT_MIN": port,
            "RABBITMQ_CTL_DIST_PORT_MAX": port,
        }
        command = [str(PROGRAMS / "rabbitmqctl"), "--quiet", *arguments]
        return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout

    def state(self) -> dict[str, int | str]:
        if self._beam is None or self._epmd is None:
            return {}
        return {
            "kind": "rabbitmq",
            "folder": str(self._folder),
            "pid": self._beam.pid,
            "born": self._beam.born,
            "epmd_pid": self._epmd.pid,
            "epmd_born": self._epmd.born,
        }

    @classmethod
    def found(cls, state: Mapping[str, int | str]) -> "LocalBroker":
        """The broker that another process started and described with `state()`."""
        broker = cls(Path(str(state["folder"])))
        broker._beam = Owned(int(state["pid"]), int(state["born"]))
        broker._epmd = Owned(int(state["epmd_pid"]), int(state["epmd_born"]))
        return broker


@asynccontextmanager
async def rabbitmq(folder: Path) -> AsyncIterator[str]:
    """A broker for as long as the block runs; yields its AMQP URL."""
    broker = LocalBroker(folder)
    try:
        await asyncio.to_thread(broker.start)
        yield broker.url
    finally:
        await asyncio.to_thread(broker.stop)


def speaks_amqp(port: int) -> bool:
    """Its listeners open last of all, so an answer to the protocol header means that it is ready."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as probe:
            probe.sendall(PROTOCOL_HEADER)
            return probe.recv(1) == b"\x01"  # a method frame: Connection.Start
    except OSError:
        return False


def is_installed() -> bool:
    return (PROGRAMS / "rabbitmq-server").exists()


def _require_programs() -> None:
    if not is_installed():
        raise NotInstalledError(f"RabbitMQ is not installed ({PROGRAMS}/rabbitmq-server): run `make setup`")


def _epmd_program() -> str:
    found = shutil.which("epmd")
    if found is None:
        raise NotInstalledError("Erlang's epmd is not installed: run `make setup`")
    return found
