"""All of Carillon for the bench: broker, store and one process of each service at time scale 1; the sink is Apple."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from services.cli.local.fleet import Fleet
from services.cli.local.mongod import LocalStore
from services.cli.local.ports import LOOPBACK, free_port
from services.cli.local.rabbitmq import LocalBroker
from services.cli.local.services import DELIVERY_APNS, INGEST, PLANNER, REPORTER
from services.cli.rehearsal.keys import AppleKey, apple_key
from tests.bench import seeding, sink
from tests.bench.figures import FOLDER
from tests.bench.seeding import Attributes, Place, Tenant
from tests.bench.sink import Certificate, Knobs, Sink

DELIVERY = "delivery-apns"
CACHE_GB = 4
"""Memory of the store for documents: the registry fits, as it has to in production (MongoDB's default: half)."""
WAVES = ((INGEST,), (PLANNER, DELIVERY_APNS, REPORTER))


@dataclass(frozen=True, slots=True)
class Whole:
    """Servers that run. `services` starts the rest, once the devices are in place."""

    store: LocalStore
    broker: LocalBroker
    fleet: Fleet
    place: Place
    apple: AppleKey
    certificate: Certificate
    port: int
    """Where delivery expects Apple."""

    def tenant(self, name: str, devices: int, attributes: Attributes | None = None) -> Tenant:
        """An app of the one company, with so many devices."""
        return seeding.stored(self.place, name, self.apple, devices, attributes)

    def sink(self, knobs: Knobs = Knobs()) -> AbstractContextManager[Sink]:  # noqa: B008  # frozen
        """A sink where delivery expects Apple; there is one at a time."""
        return sink.running(self.certificate, replace(knobs, port=self.port))

    @contextmanager
    def services(self) -> Iterator[None]:
        """One process of each, ready, for as long as the block runs."""
        try:
            self.fleet.start()
            yield
        finally:
            self.fleet.stop()

    def pids(self) -> dict[str, int]:
        """What uses this machine, by name; the sink is its maker's to add."""
        services = {name: process.pid for name, process in self.fleet.processes.items()}
        servers = {"mongod": self.store.pid, "rabbitmq": self.broker.pid}
        return {name: pid for name, pid in (services | servers).items() if pid is not None}


@contextmanager
def running(extra: Mapping[str, str] | None = None, memory_gb: float = CACHE_GB) -> Iterator[Whole]:
    """A broker and a store of its own for as long as the block runs. `extra`: more variables for delivery."""
    ours = FOLDER / "whole" / str(os.getpid())
    _forget_the_dead(ours.parent)
    folder = ours / str(len([*ours.glob("*")]))  # one process may start several, one after the other
    folder.mkdir(parents=True, mode=0o700)
    certificate, port = sink.certificate(), free_port()
    store, broker = LocalStore(folder / "mongodb", memory_gb), LocalBroker(folder / "rabbitmq")
    apple = {"APNS_PRODUCTION_URL": f"https://{LOOPBACK}:{port}", "PROVIDER_CA_FILE": str(certificate.ca)}
    fleet = Fleet(folder, broker.url, store.url, time_scale=1, extra={DELIVERY: apple | dict(extra or {})}, waves=WAVES)
    place = Place(store.url, fleet.site.database, folder / "keys" / "keyring")
    try:
        store.start()
        broker.start()
        yield Whole(store, broker, fleet, place, apple_key(), certificate, port)
    finally:
        fleet.kill()
        broker.kill()
        store.kill()
        for data in ("mongodb", "rabbitmq"):
            shutil.rmtree(folder / data, ignore_errors=True)


def _forget_the_dead(folder: Path) -> None:
    """What earlier runs left for whoever reads logs; each lies under its process id."""
    for old in folder.glob("*"):
        if not Path("/proc", old.name).exists():
            shutil.rmtree(old, ignore_errors=True)
