"""A rate limit holds across replicas, also when one of them dies; `now` goes before `bulk`."""

import asyncio
import contextlib
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, cast

import pytest

from services.delivery.catalog import Credentialed
from services.delivery.flight import Flight
from services.delivery.pacing import NOT_SENT, Pacing
from services.delivery.tally import Tally
from services.delivery.transport.contract import Parcel, Results
from shared.flow.lane import Lane
from shared.providers.contract import Origin, Requests, VariantSettings
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from shared.store.variants import Variant
from tests.unit.delivery.chunks import NOW, device, found, job, send

pytestmark = pytest.mark.anyio
RATE = 300.0


@dataclass
class Provider:
    """Accepts what comes, after a while, and keeps when it came."""

    arrivals: list[tuple[float, Lane, int]] = field(default_factory=list)
    latency: float = 0.08

    async def send(self, parcels: Sequence[Parcel]) -> list[Results]:
        now = time.monotonic()
        self.arrivals += [(now, one.lane, one.requests.count) for one in parcels]
        await asyncio.sleep(self.latency)
        return [Results(ok=one.requests.count) for one in parcels]

    def between(self, start: float, end: float) -> int:
        return sum(count for at, _, count in self.arrivals if start <= at < end)


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


def flight(count: int, *, rate: float | None = RATE, lane: Lane = Lane.BULK, ttl: int = 3600) -> Flight:
    variant = Credentialed(Variant("v1", "app", "apns", "iOS", 1, NOW, {}, rate_limit=rate), VariantSettings())
    one = send(timedelta(seconds=ttl)).model_copy(update={"lane": lane})
    requests = Requests(count, [f"/3/device/{n}" for n in range(count)], b"{}")
    devices = [device(number) for number in range(count)]
    return Flight(Tally(job(one), found(count), NOW, 1), variant, Origin("h", 443, "t"), (), requests, devices)


def in_one_of_three(measured: Callable[[Store], Awaitable[None]]) -> Callable[[Store], Awaitable[None]]:
    """A machine that stalls spoils a measurement or two; a limit that is not kept spoils all of them."""

    @wraps(measured)
    async def repeated(opened: Store) -> None:
        for _ in range(2):
            with contextlib.suppress(AssertionError):
                await measured(opened)
                return
        await measured(opened)

    return repeated


def pacing(provider: Any, store: Store, life: Life | None = None) -> Pacing:
    return Pacing(provider, store, FixedClock(NOW), life or Life(timedelta(seconds=5)))


@in_one_of_three
async def test_three_replicas_keep_a_limit_together_also_when_one_of_them_is_killed(opened: Store) -> None:
    provider = Provider()

    async def replica() -> None:
        paced = pacing(provider, opened)
        while True:
            (result,) = await paced.send([flight(500)])
            assert result.ok == 500

    replicas = [asyncio.create_task(replica()) for _ in range(3)]
    await asyncio.sleep(4)
    replicas[0].cancel()
    await asyncio.sleep(6)
    ended = time.monotonic()
    for one in replicas[1:]:
        one.cancel()
    await asyncio.gather(*replicas, return_exceptions=True)
    starts = [provider.arrivals[0][0] + tenth / 10 for tenth in range(1, 48)]
    windows = [provider.between(start, start + 5) for start in starts if start + 5 <= ended]
    assert min(windows) >= 0.9 * 5 * RATE, windows
    assert max(windows) <= 1.1 * 5 * RATE, windows


@in_one_of_three
async def test_a_single_replica_reaches_the_limit_though_answers_take_their_time(opened: Store) -> None:
    provider, began = Provider(latency=0.5), time.monotonic()
    (result,) = await pacing(provider, opened).send([flight(600)])
    assert result.ok == 600
    assert 1.4 <= time.monotonic() - began - 0.5 <= 2.6
    assert max(count for _, _, count in provider.arrivals) <= RATE / 4


@in_one_of_three
async def test_now_goes_before_bulk_and_both_together_keep_the_limit(opened: Store) -> None:
    provider, began = Provider(), time.monotonic()
    bulk = asyncio.create_task(pacing(provider, opened).send([flight(900)]))
    await asyncio.sleep(0.3)
    asked = time.monotonic()
    await pacing(provider, opened).send([flight(30, lane=Lane.NOW)])
    assert time.monotonic() - asked < 0.25 + provider.latency
    await bulk
    assert provider.between(began, began + 2) <= 1.1 * 2 * RATE + RATE / 4
    assert bisect_left([at for at, _, _ in provider.arrivals], began + 930 / RATE * 0.8) < len(provider.arrivals)


async def test_many_single_sends_share_portions_and_each_gets_its_own_results(opened: Store) -> None:
    provider = Provider()
    flights = [flight(1, rate=100.0, lane=Lane.NOW) for _ in range(60)]
    others = [
        replace(
            flight(5), variant=Credentialed(replace(f.variant.variant, id="free", rate_limit=None), f.variant.settings)
        )
        for f in flights[:1]
    ]
    results = await pacing(provider, opened).send([*flights, *others])
    assert [one.ok for one in results] == [1] * 60 + [5]
    assert len({at for at, _, _ in provider.arrivals}) <= 1 + -(-60 // 25)


async def test_what_a_portion_answers_is_known_by_its_number_in_the_whole(opened: Store) -> None:
    class Picky(Provider):
        async def send(self, parcels: Sequence[Parcel]) -> list[Results]:
            return [
                Results(ok=0, others=[(n, cast("Any", path)) for n, path in enumerate(one.requests.paths)])
                for one in parcels
            ]

    (result,) = await pacing(Picky(), opened).send([flight(20, rate=16.0)])
    assert dict(result.others) == cast("Any", {n: f"/3/device/{n}" for n in range(20)})


async def test_what_is_late_or_meets_the_end_of_the_process_is_not_sent(opened: Store) -> None:
    provider, life = Provider(), Life(timedelta(seconds=5))
    (late,) = await pacing(provider, opened).send([flight(5, ttl=0)])
    assert late.others == [(number, NOT_SENT) for number in range(5)]
    sending = asyncio.create_task(pacing(provider, opened, life).send([flight(30, rate=4.0)]))
    await asyncio.sleep(0.6)
    life.stop()
    (result,) = await asyncio.wait_for(sending, 20)
    assert 1 <= result.ok < 30
    assert len(result.others) == 30 - result.ok


async def test_without_a_limit_the_transport_is_asked_once_and_the_store_never() -> None:
    provider = Provider()
    await pacing(provider, cast("Any", None)).send([flight(500, rate=None), flight(3, rate=None)])
    assert [count for _, _, count in provider.arrivals] == [500, 3]
