"""Puts a delivery process together; the only place that constructs."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from services.delivery import authorization, chunks, closing, parking, rounds, stragglers
from services.delivery.admitting import Admitting
from services.delivery.attempt import Attempts
from services.delivery.authorization import Authorizer
from services.delivery.budget import Policy
from services.delivery.capping import Capping
from services.delivery.catalog import Catalog
from services.delivery.chunks import Chunks
from services.delivery.closing import Closer
from services.delivery.concurrency import Concurrency
from services.delivery.gate import Gate
from services.delivery.held import Table
from services.delivery.http2.engine import Engine, open_engine
from services.delivery.leases import Leases
from services.delivery.lookup import Lookup
from services.delivery.pacing import Pacing
from services.delivery.parking import Parking
from services.delivery.passing import Passing
from services.delivery.places import Places
from services.delivery.routes import Around, Routes
from services.delivery.settings import DeliverySettings
from services.delivery.slices import Slices
from services.delivery.solitude import Solitude
from services.delivery.telling import Telling
from services.delivery.transport.contract import Transport
from services.delivery.transport.through_aioapns import open_aioapns
from services.delivery.transport.through_httpx import HttpxTransport, open_httpx
from services.delivery.ways import Ways
from services.delivery.worker import Worker
from shared.bus.bundle import MOST
from shared.flow.lane import Lane
from shared.flow.plan import CHUNK_SIZE
from shared.foundation import Foundation, open_foundation
from shared.in_force import InForce
from shared.providers.contract import Provider
from shared.providers.registry import provider
from shared.runtime.metrics import Metrics
from shared.runtime.start import Process


async def main(process: Process[DeliverySettings]) -> None:
    """One delivery process from start to drain."""
    settings = process.settings
    async with (
        open_foundation(f"delivery-{settings.platform}", settings, process.life, Metrics(), process.tracing) as on,
        open_worker(on, settings, process.extras[0]) as worker,
    ):
        await worker.run()


@asynccontextmanager
async def open_worker(on: Foundation, settings: DeliverySettings, endpoints: BaseModel) -> AsyncIterator[Worker]:
    """The worker and the transports it sends through."""
    speaks = provider(settings.platform)
    async with AsyncExitStack() as stack:
        posts = await stack.enter_async_context(open_httpx(settings.provider_ca_file))
        transport = await stack.enter_async_context(_transport(settings, speaks, posts, on.metrics))
        catalog = Catalog(on.store, speaks)
        passing = Passing(settings.platform, on.bus, on.clock, on.metrics, settings.time_scale)
        authorizer = Authorizer(
            authorization.Wiring(on.store, speaks, endpoints, posts.post, on.clock, on.metrics, on.owner)
        )
        parked = Parking(parking.Wiring(settings.platform, on.store, catalog, on.clock, on.metrics))
        engine = transport if isinstance(transport, Engine) else None
        routes = Routes(
            settings.platform, on.clock, on.metrics, random.Random(),  # noqa: S311  # jitter, as below
            Around(
                Policy(settings.retry_share, settings.retries_least), Telling(on.store, on.owner), Ways(engine)
            ),
        )  # fmt: skip
        pacing = Pacing(transport, on.store, on.clock, on.life, engine)
        attempts = Attempts(
            rounds.Wiring(
                speaks, endpoints, pacing, catalog, authorizer, on.clock, on.metrics,
                settings.time_scale, random.Random(),  # noqa: S311  # jitter, not a secret
                parked, routes, Capping(on.store.caps, on.clock), on.tracing,
            )
        )  # fmt: skip
        orders = InForce(on.store)
        await on.life.reach("store", orders.refresh)
        closer = Closer(closing.Wiring(on.store, on.bus, on.clock, on.metrics, settings.time_scale))
        permits = _permits(settings)
        solitude = Solitude()
        places = Places(permits, settings.chunks_in_flight - _for_now(settings), routes, on.life)
        followed = await stack.enter_async_context(
            stragglers.open_stragglers(
                stragglers.Wiring(
                    settings.platform, attempts, closer, on.clock, on.metrics, on.life, settings.time_scale
                )
            )
        )
        lease = timedelta(seconds=settings.lease_seconds)
        leases = Leases(settings.platform, on.store, on.clock, on.metrics, on.owner, lease, Table())
        work = Chunks(
            chunks.Wiring(
                on.store, on.clock, on.metrics, on.life, catalog, Lookup(on.store, on.clock, orders), attempts, closer,
                passing, places, solitude, settings.time_scale, followed, orders, leases,
                on.tracing,
            )
        )  # fmt: skip
        admitting = Admitting(on.store, catalog, Gate(catalog, parked, routes, on.clock, orders), passing)
        slices = Slices(on.life, admitting, leases, passing, work, solitude)
        yield Worker(settings.platform, on.metrics, on.taking("slices"), slices, _turns(settings), orders)


def _for_now(settings: DeliverySettings) -> int:
    return min(settings.chunks_for_now, settings.chunks_in_flight - 1)


def _turns(settings: DeliverySettings) -> int:
    """Bundles of at most 100 small sends: all of them together are no more than the chunks that are kept for them.

    Several, so that one that waits for a silent provider does not hold up all the others.
    """
    return _for_now(settings) * (CHUNK_SIZE // MOST - 1)


def _permits(settings: DeliverySettings) -> dict[Lane, asyncio.Semaphore]:
    bulk = settings.chunks_in_flight - _for_now(settings)
    return {Lane.NOW: asyncio.Semaphore(_turns(settings)), Lane.BULK: asyncio.Semaphore(bulk)}


@asynccontextmanager
async def _transport(
    settings: DeliverySettings, speaks: Provider[Any, Any], posts: HttpxTransport, metrics: Metrics
) -> AsyncIterator[Transport]:
    """What carries requests: the engine, or the library that this provider asks for."""
    if settings.transport == "engine":
        watch = Concurrency(settings.platform, metrics)
        async with open_engine(settings.provider_ca_file, scale=settings.time_scale, watch=watch) as engine:
            yield engine
    elif speaks.library == "aioapns":
        async with open_aioapns(settings.provider_ca_file) as aioapns:
            yield aioapns
    else:
        yield posts
