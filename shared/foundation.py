"""What every service stands on: store, bus, clock, metrics, health page; opened in order, closed in reverse."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from shared.bus.connection import Bus, open_bus
from shared.bus.topology import topology
from shared.flow.identity import new_id
from shared.providers.registry import platforms
from shared.runtime.clock import Clock
from shared.runtime.health import Check, health_app
from shared.runtime.life import Life, watch_loop
from shared.runtime.metrics import Metrics
from shared.runtime.serving import serve
from shared.runtime.settings import Common
from shared.runtime.tracing import Tracing
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from shared.taking import Taking

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Foundation:
    """Opened by `open_foundation`, which closes it. `owner` names this start of this process in claims and leases."""

    store: Store
    bus: Bus
    clock: Clock
    metrics: Metrics
    life: Life
    owner: str
    paused: set[str]
    tracing: Tracing | None = None

    def taking(self, hop: str) -> Taking:
        """A hold on queues; `hop` names them in the metric of how long messages dwelt there."""
        return Taking(self.bus, self.clock, self.metrics, self.life, hop, self.paused)


@asynccontextmanager
async def open_foundation(
    name: str, settings: Common, life: Life, metrics: Metrics, tracing: Tracing | None = None
) -> AsyncIterator[Foundation]:
    """Waits for a store and a broker that are not there yet, makes indexes and topology, and serves the health page."""
    keyring = open_keyring(settings.keyring_file)
    async with (
        open_store(settings.mongodb_url, settings.database, keyring, metrics=metrics) as store,
        open_bus(settings.amqp_url, name=name, metrics=metrics) as bus,
    ):
        clock = Clock(store.now, scale=settings.time_scale)
        reached = asyncio.Event()
        paused: set[str] = set()
        checks: dict[str, Check] = {
            "store": store.check, "broker": bus.check, "clock": clock.check, "started": lambda: _started(reached),
            "queues": lambda: _taken_from(paused),
        }  # fmt: skip
        app = health_app(checks, metrics, draining=lambda: life.draining)
        async with serve(app, host=settings.http_host, port=settings.http_port) as port:
            log.info("serving", host=settings.http_host, port=port)
            await life.reach("store", store.ensure)
            await life.reach("clock", clock.measure)
            await life.reach("broker", lambda: bus.declare(topology(platforms(), settings.time_scale)))
            reached.set()
            owner = f"{name}@{socket.gethostname()}/{new_id('p', 8)}"
            async with _background(clock, metrics):
                yield Foundation(store, bus, clock, metrics, life, owner, paused, tracing)


@asynccontextmanager
async def _background(clock: Clock, metrics: Metrics) -> AsyncIterator[None]:
    def measured(offset: timedelta) -> None:
        metrics.clock_offset_seconds.set(offset.total_seconds())

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(clock.run(measured)), tasks.create_task(watch_loop(metrics))]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


async def _started(reached: asyncio.Event) -> None:
    if not reached.is_set():
        message = "still starting"
        raise RuntimeError(message)


async def _taken_from(paused: set[str]) -> None:
    """What was deployed here finds its queues full of dead letters: no more of it should be."""
    if paused:
        message = f"not taken from: {', '.join(sorted(paused))}"
        raise RuntimeError(message)
