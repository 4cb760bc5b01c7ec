"""MongoDB as a plain local process: a replica set of one node under one folder, on loopback."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from services.cli.local.errors import NotInstalledError
from services.cli.local.owned import Owned, await_ready, spawn, unbroken
from services.cli.local.places import SERVERS
from services.cli.local.ports import LOOPBACK, free_port, require_free
from services.cli.local.servers import START_PATIENCE, STOP_PATIENCE, remembered

REPLICA_SET = "carillon"
NOT_YET_INITIALIZED = 94  # MongoDB's error codes
ANSWER_WITHIN_MS = 1000
CACHE_GB = 0.5
CACHE_GB_MOST = 2.0
EVICTION = "eviction_dirty_target=30,eviction_dirty_trigger=50,eviction_updates_target=30,eviction_updates_trigger=50"
"""Per cent of the cache that may wait to be written. By default the store begins at 5, and writes a page of an index
that an import touches again and again as often: 15 to 44 % of what a new device costs it, measured."""


def cache_gb() -> float:
    """An eighth of the machine's memory, within bounds: for a stack that is there to be worked with."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return round(min(max(CACHE_GB, memory / 8), CACHE_GB_MOST), 1)


class LocalStore:
    """One mongod. Whoever makes it stops it; the data outlives it in `folder`. `cache_gb`: memory for documents."""

    def __init__(self, folder: Path, cache_gb: float = CACHE_GB) -> None:
        self._folder = folder.absolute()
        self._cache_gb = cache_gb
        # The set's configuration holds the node's port, so it stays the same from start to start.
        self._port = int(remembered(self._folder / "identity.json", {"port": free_port()})["port"])
        self._mongod: Owned | None = None

    @property
    def url(self) -> str:
        return f"mongodb://{LOOPBACK}:{self._port}/?replicaSet={REPLICA_SET}"

    @property
    def pid(self) -> int | None:
        return self._mongod.pid if self._mongod else None

    def start(self) -> None:
        require_free(self._port)
        (self._folder / "data").mkdir(parents=True, exist_ok=True)
        log = self._folder / "mongod.log"
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(self._folder)}
        with unbroken():
            self._mongod = spawn(
                _arguments(_program(), self._folder / "data", self._port, self._cache_gb), environment, log
            )
        await_ready("MongoDB", self._mongod, self._is_primary, START_PATIENCE, log)

    def stop(self) -> None:
        if self._mongod:
            self._mongod.end(STOP_PATIENCE)

    def kill(self) -> None:
        if self._mongod:
            self._mongod.kill()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def alive(self) -> bool:
        return self._mongod is not None and self._mongod.alive()

    def state(self) -> dict[str, int | str]:
        if self._mongod is None:
            return {}
        return {"kind": "mongod", "folder": str(self._folder), "pid": self._mongod.pid, "born": self._mongod.born}

    @classmethod
    def found(cls, state: Mapping[str, int | str]) -> "LocalStore":
        """The store that another process started and described with `state()`."""
        store = cls(Path(str(state["folder"])))
        store._mongod = Owned(int(state["pid"]), int(state["born"]))
        return store

    def _is_primary(self) -> bool:
        return primary(LOOPBACK, self._port, member=f"{LOOPBACK}:{self._port}")


def primary(host: str, port: int, member: str) -> bool:
    """Whether the node takes writes; a node without a replica set is given one of which `member` is the only node."""
    try:
        with MongoClient[dict[str, object]](
            host, port, directConnection=True, serverSelectionTimeoutMS=ANSWER_WITHIN_MS, socketTimeoutMS=5_000
        ) as client:
            if client.admin.command("hello").get("isWritablePrimary"):
                return True
            client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code == NOT_YET_INITIALIZED:
            _initiate(host, port, member)
    except PyMongoError:
        pass  # not listening yet
    return False


def _initiate(host: str, port: int, member: str) -> None:
    configuration = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": member}]}
    with MongoClient[dict[str, object]](host, port, directConnection=True) as client:
        client.admin.command("replSetInitiate", configuration)


@asynccontextmanager
async def mongod(folder: Path) -> AsyncIterator[str]:
    """A store for as long as the block runs; yields its URL."""
    store = LocalStore(folder)
    try:
        await asyncio.to_thread(store.start)
        yield store.url
    finally:
        await asyncio.to_thread(store.stop)


def program() -> str | None:
    """The mongod that `make setup` brought, else the machine's own."""
    brought = SERVERS / "mongod"
    return str(brought) if os.access(brought, os.X_OK) else shutil.which("mongod")


def _program() -> str:
    found = program()
    if found is None:
        raise NotInstalledError("MongoDB's mongod is not installed: run `make setup`")
    return found


def _arguments(program: str, data: Path, port: int, cache_gb: float = CACHE_GB) -> list[str]:
    return [
        program,
        *("--replSet", REPLICA_SET, "--port", str(port), "--bind_ip", LOOPBACK, "--nounixsocket"),
        *("--dbpath", str(data), "--wiredTigerCacheSizeGB", str(cache_gb), "--oplogSize", "256"),
        *("--wiredTigerEngineConfigString", EVICTION),
        *("--slowOpSampleRate", "0"),  # the log of a slow query has users' names in it
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--setParameter", "ttlMonitorSleepSecs=5"),  # 60 by default; local stacks run at a time scale
    ]
