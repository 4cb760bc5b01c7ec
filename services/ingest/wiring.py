"""Puts ingest together and runs it until it is asked to stop."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog

from services.ingest.admin_key import admin_key
from services.ingest.admission import Admission
from services.ingest.announce import Announcer
from services.ingest.app import make_app
from services.ingest.commit import open_commit
from services.ingest.desk import Desk
from services.ingest.doors.ibm.routes import REFUSING
from services.ingest.doors.ibm.routes import routes as ibm_routes
from services.ingest.entrance import Entrance
from services.ingest.keys import Keys
from services.ingest.live import open_live
from services.ingest.once import Once
from services.ingest.openapi import document
from services.ingest.reports import Reports
from services.ingest.settings import IngestSettings
from services.ingest.started import Started
from shared.bus.connection import Bus, open_bus
from shared.bus.topology import topology
from shared.providers.registry import platforms
from shared.roster import Rosters
from shared.runtime.clock import Clock
from shared.runtime.health import routes
from shared.runtime.life import Life, watch_loop
from shared.runtime.metrics import Metrics
from shared.runtime.serving import serve
from shared.runtime.start import Process
from shared.runtime.tracing import Tracing
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from shared.terms import TermsBook

STORE_WITHIN: Final = timedelta(seconds=10)
"""An election fits in; who waits for an HTTP answer waits no longer."""

log = structlog.get_logger()


async def main(process: Process[IngestSettings]) -> None:
    """Serves until asked to stop; then finishes the requests in flight, stores and announces them, and closes."""
    async with running(process.settings, process.life, process.tracing):
        await process.life.stopping.wait()


@asynccontextmanager
async def running(settings: IngestSettings, life: Life, tracing: Tracing | None = None) -> AsyncIterator[int]:
    """The service at work; gives its port. The HTTP server is left first, then the group commit, then bus and store."""
    key = admin_key(settings.admin_key, settings.admin_key_file)
    metrics, started = Metrics(), Started()
    async with AsyncExitStack() as stack:
        keyring = open_keyring(settings.keyring_file)
        store = await stack.enter_async_context(
            open_store(settings.mongodb_url, settings.database, keyring, limit=STORE_WITHIN, metrics=metrics)
        )
        bus = await stack.enter_async_context(open_bus(settings.amqp_url, name="ingest", metrics=metrics))
        clock = Clock(ask=store.now, scale=settings.time_scale)
        await stack.enter_async_context(_in_background(clock, metrics))
        admission = Admission(bus, time.monotonic)
        commit = await stack.enter_async_context(
            open_commit(store.sends, Announcer(bus, admission, metrics, traced=tracing is not None), metrics, started)
        )
        live = await stack.enter_async_context(open_live(store))
        desk = Desk(
            store=store,
            clock=clock,
            keys=Keys(store.apps, key, time.monotonic),
            rosters=Rosters(store.variants, store.rules, time.monotonic),
            terms=TermsBook(store, clock),
            reports=Reports(store, clock, time.monotonic),
            commit=commit,
            once=Once(time.monotonic),
            live=live,
            tracing=tracing,
            networks=settings.networks(),
        )
        checks = {"start": started.check, "rabbitmq": bus.check, "mongodb": store.check, "clock": clock.check}
        health = routes(checks, metrics, draining=lambda: life.draining)
        entrance = Entrance(desk, admission, metrics, started, tracing)
        beside = [*health, *ibm_routes(desk, admission, metrics, started)]
        app = make_app(entrance, json.dumps(document()).encode(), beside, REFUSING)
        port = await stack.enter_async_context(serve(app, host=settings.http_host, port=settings.http_port))
        stack.push_async_callback(live.close)  # streams end by themselves, the server need not wait for them
        log.info("serving", host=settings.http_host, port=port)
        await _reach(life, store, bus, clock, settings.time_scale)
        started.set()
        yield port


async def _reach(life: Life, store: Store, bus: Bus, clock: Clock, scale: float) -> None:
    """A broker or store may start later than we do."""
    await life.reach("mongodb", store.ensure)
    await life.reach("mongodb", clock.measure)
    await life.reach("rabbitmq", lambda: bus.declare(topology(platforms(), scale)))


@asynccontextmanager
async def _in_background(clock: Clock, metrics: Metrics) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(clock.run(lambda offset: metrics.clock_offset_seconds.set(offset.total_seconds()))),
            tasks.create_task(watch_loop(metrics)),
        ]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
