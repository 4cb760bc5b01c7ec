"""Sets a case up: a broker and a store for the whole run; processes, an app and devices for the case."""

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
from pymongo import MongoClient

from services.cli.local.fleet import Fleet
from services.cli.local.ports import LOOPBACK
from services.cli.local.rabbitmq import LocalBroker
from services.cli.local.servers import Broker
from tests.chaos import tenant
from tests.chaos.backend import Backend
from tests.chaos.case import Case, Stack
from tests.chaos.hook import hooked
from tests.chaos.journal import Journal
from tests.chaos.providers import PLATFORMS, Providers
from tests.chaos.replica_set import Store
from tests.chaos.scene import Scene

HTTP_PATIENCE = 15.0
WEBHOOKS = {"WEBHOOK_NETWORKS": f"{LOOPBACK}/32"}


@dataclass(slots=True)
class Servers:
    """The broker and the stores of a run, each started when it is first asked for."""

    folder: Path
    _broker: Broker | None = None
    _stores: dict[int, Store] = field(default_factory=dict)

    def broker(self) -> Broker:
        if self._broker is None:
            self._broker = LocalBroker(self.folder / "rabbitmq")
            self._broker.start()
        elif not self._broker.alive():
            self._broker.start()
        return self._broker

    def store(self, nodes: int) -> Store:
        if nodes not in self._stores:
            self._stores[nodes] = Store(self.folder / f"mongodb-{nodes}", nodes)
            self._stores[nodes].start()
        return self._stores[nodes]

    def stop(self) -> None:
        if self._broker is not None:
            self._broker.kill()
        for store in self._stores.values():
            store.kill()


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """For as long as the block runs; their data goes with them."""
    made = Servers(folder)
    try:
        yield made
    finally:
        made.stop()
        for name in ("rabbitmq", "mongodb-1", "mongodb-3"):
            shutil.rmtree(folder / name, ignore_errors=True)


@contextlib.contextmanager
def fleet(of: Servers, setup: Stack, folder: Path) -> Iterator[Fleet]:
    """Every service as a process, with a virtual host and a database of its own."""
    broker, store = of.broker(), of.store(setup.store_nodes)
    name = f"chaos-{secrets.token_hex(4)}"
    broker.ctl("add_vhost", name)
    broker.ctl("set_permissions", "--vhost", name, "carillon", ".*", ".*", ".*")
    amqp = broker.url.rpartition("/")[0] + "/" + name
    one = Fleet(folder, amqp, store.url, database=name, time_scale=setup.scale, extra=_variables(setup))
    try:
        one.start()
        yield one
    finally:
        one.kill()
        of.broker().ctl("delete_vhost", name)
        with MongoClient[dict[str, object]](store.url) as client:
            client.drop_database(name)


def _variables(setup: Stack) -> dict[str, dict[str, str]]:
    delivery = {"LEASE_SECONDS": f"{setup.lease:g}", "CHUNKS_IN_FLIGHT": str(setup.in_flight)}
    ours = {"planner": {"CHUNK_SIZE": str(setup.chunk)}, "delivery-apns": delivery, "delivery-fcm": delivery}
    ours |= {"ingest": WEBHOOKS, "reporter": WEBHOOKS | {"WEBHOOK_SECONDS": "3"}}
    return {name: {**ours.get(name, {}), **setup.extra.get(name, {})} for name in ours.keys() | setup.extra.keys()}


@contextlib.asynccontextmanager
async def scene(
    case: Case, running: Fleet, of: Servers, folder: Path, count: int, chance: Random, *, short: bool
) -> AsyncIterator[Scene]:
    """An app with so many devices in a running fleet, and a backend with a journal in `folder`."""
    async with contextlib.AsyncExitStack() as stack:
        journal = stack.enter_context(Journal(folder / "promises.jsonl"))
        control = await stack.enter_async_context(_client(running.control))
        providers = Providers(control)
        setup = case.setup
        http = await stack.enter_async_context(_client(running.api))
        owner = await tenant.make(running, http, providers, f"chaos-{secrets.token_hex(4)}", setup.variants)
        devices = tenant.draw(owner, count)
        await asyncio.to_thread(tenant.store, running, owner, devices)
        tenant.write(folder / "population.jsonl", devices)
        for platform in PLATFORMS:
            await providers.know(platform, list(tenant.dead(devices, platform, owner.project)))
        await providers.turn(accept_unknown_tokens=True, latency={"median": setup.latency, "sigma": 0.2})
        http.headers["authorization"] = f"Bearer {owner.secret}"
        backend = Backend(http, journal, {"ttl": setup.ttl, "duplicates": setup.duplicates})
        hook = await stack.enter_async_context(hooked(http)) if setup.webhook else None
        yield Scene(
            setup, running, of.broker(), of.store(setup.stack.store_nodes), providers, backend, owner, devices, folder,
            chance, short, hook,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def _client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=url, timeout=HTTP_PATIENCE, limits=limits, trust_env=False) as client:
        yield client
