"""A replica set of one node or of three, each a process of its own, so that a primary can be killed or step down."""

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from services.cli.local import mongod
from services.cli.local.owned import Owned, await_ready, spawn, wait_until
from services.cli.local.ports import LOOPBACK, free_ports

NAME: Final = mongod.REPLICA_SET
ELECTION: Final = timedelta(seconds=2)
PATIENCE: Final = timedelta(seconds=60)
Json = dict[str, Any]


class Store:
    """Its methods block. Whoever makes it stops it."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self._folder = folder.absolute()
        self._ports = free_ports(nodes)
        self._nodes: dict[int, Owned] = {}

    @property
    def url(self) -> str:
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in self._ports)
        return f"mongodb://{hosts}/?replicaSet={NAME}"

    def start(self) -> None:
        for port in self._ports:
            self._start(port)
        members = [{"_id": n, "host": f"{LOOPBACK}:{port}"} for n, port in enumerate(self._ports)]
        settings = {"electionTimeoutMillis": ELECTION // timedelta(milliseconds=1)}
        with self._client(self._ports[0]) as client:
            client.admin.command("replSetInitiate", {"_id": NAME, "members": members, "settings": settings})
        if not wait_until(lambda: self.primary() is not None, PATIENCE):
            raise TimeoutError("the replica set has no primary")

    def primary(self) -> int | None:
        """The port of the node that takes writes."""
        for port, node in self._nodes.items():
            with contextlib.suppress(PyMongoError):
                if node.alive() and self._hello(port).get("isWritablePrimary"):
                    return port
        return None

    def kill_primary(self) -> int:
        """With SIGKILL; the port of the one that was it."""
        port = self._primary()
        self._nodes[port].kill()
        return port

    def step_down(self) -> None:
        """As an operator does before maintenance."""
        port = self._primary()
        with self._client(port) as client, contextlib.suppress(PyMongoError):
            client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)

    def restart(self, port: int) -> None:
        """A node that was killed, on the same data."""
        self._start(port)

    def pid(self) -> int:
        """Of the primary."""
        return self._nodes[self._primary()].pid

    def kill(self) -> None:
        for node in self._nodes.values():
            node.kill()

    def _primary(self) -> int:
        found = self.primary()
        if found is None:
            raise TimeoutError("the store has no primary")
        return found

    def _start(self, port: int) -> None:
        data = self._folder / str(port)
        data.mkdir(parents=True, exist_ok=True)
        program = mongod.program()
        if program is None:
            raise FileNotFoundError("mongod: run `make setup`")
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(self._folder)}
        log = self._folder / f"{port}.log"
        self._nodes[port] = spawn(_arguments(program, data, port), environment, log)
        await_ready("MongoDB", self._nodes[port], lambda: self._answers(port), PATIENCE, log)

    def _answers(self, port: int) -> bool:
        try:
            return bool(self._hello(port))
        except PyMongoError:
            time.sleep(0.05)
            return False

    def _hello(self, port: int) -> Json:
        with self._client(port) as client:
            return client.admin.command("hello")

    @contextlib.contextmanager
    def _client(self, port: int) -> Iterator[MongoClient[Json]]:
        with MongoClient[Json](
            LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=1000, socketTimeoutMS=10_000
        ) as client:
            yield client


def _arguments(program: str, data: Path, port: int) -> list[str]:
    return [
        program,
        *("--replSet", NAME, "--port", str(port), "--bind_ip", LOOPBACK, "--nounixsocket"),
        *("--dbpath", str(data), "--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "256"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--setParameter", "ttlMonitorSleepSecs=5"),  # 60 by default; the stack runs at a time scale
    ]
