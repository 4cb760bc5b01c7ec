"""One run of one client in a process of its own: `python -m tests.bench.client`; prints what came of it as JSON.

The clock and the CPU are read around the sending alone. A first chunk to other tokens makes connection and
authorization ready and is counted apart, so that the sink's own count can be compared with ours to the last request.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.cli.rehearsal.keys import apple_key
from services.delivery.job import Found, Job
from services.delivery.settings import DeliverySettings
from services.delivery.transport.contract import Transport
from services.delivery.transport.through_aioapns import open_aioapns
from services.delivery.transport.through_httpx import open_httpx
from shared.flow.plan import CHUNK_SIZE
from tests.bench import bare
from tests.bench.work import Campaign, attempts

Work = Sequence[tuple[Job, Found]]
Sending = Callable[[Work], Awaitable[Counter[str]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line said."""

    client: str
    address: str
    count: int
    ca: Path
    core: int
    own: bool


async def measure(asked: Asked) -> dict[str, Any]:
    campaign = Campaign(apple_key())
    warm, work = list(campaign.work(CHUNK_SIZE, "warm")), list(campaign.work(asked.count, "bench"))
    gc.collect()
    gc.freeze()  # a slice never has all its devices in memory; the collector must not walk over ours
    async with _sending(asked, campaign) as send:
        warmed = await send(warm)
        cpu, began = _cpu(), time.perf_counter()
        fates = await send(work)
        seconds, cpu = time.perf_counter() - began, _cpu() - cpu
    return {"fates": fates, "warmed": warmed, "seconds": seconds, "cpu_seconds": cpu, "rss_mb": _peak_mb()}


@asynccontextmanager
async def _sending(asked: Asked, campaign: Campaign) -> AsyncIterator[Sending]:
    async with AsyncExitStack() as stack:
        if asked.client in bare.LIBRARIES:
            yield await stack.enter_async_context(bare.LIBRARIES[asked.client](asked.address, asked.ca, campaign))
        else:
            transport = await stack.enter_async_context(_transport(asked))
            through = attempts(campaign, transport, asked.address, own=asked.own)
            yield lambda work: _slices(through.run, work)


@asynccontextmanager
async def _transport(asked: Asked) -> AsyncIterator[Transport]:
    async with AsyncExitStack() as stack:
        match asked.client:
            case "engine":
                from services.delivery.http2.engine import open_engine  # noqa: PLC0415  # the others do without it

                yield await stack.enter_async_context(open_engine(asked.ca, connections=1))
            case "through_aioapns":
                yield await stack.enter_async_context(open_aioapns(asked.ca))
            case "through_httpx":
                yield await stack.enter_async_context(open_httpx(asked.ca))
            case other:
                raise ValueError(f"there is no client {other!r}")


async def _slices(run: Callable[[Work], Awaitable[list[Any]]], work: Work) -> Counter[str]:
    """As many chunks at once as a delivery process works of the lane `bulk`, each by itself."""
    settings = DeliverySettings.model_fields
    at_once = settings["chunks_in_flight"].default - settings["chunks_for_now"].default
    left = iter(work)
    fates: Counter[str] = Counter()

    async def worker() -> None:
        for one in left:
            for part in await run([one]):
                fates.update({str(count.fate): count.n for count in part.counts})
                fates["owed"] += sum(len(owed.devices) for owed in part.owed)
                fates["in_histogram"] += sum(part.latency)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    return fates


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _asked() -> Asked:
    parser = argparse.ArgumentParser()
    parser.add_argument("client")
    parser.add_argument("--address", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--same", dest="own", action="store_false", help="one payload for everybody")
    return Asked(**vars(parser.parse_args()))


if __name__ == "__main__":
    told = _asked()
    os.sched_setaffinity(0, {told.core})
    print(json.dumps(asyncio.run(measure(told))), flush=True)  # how the bench hears of it
