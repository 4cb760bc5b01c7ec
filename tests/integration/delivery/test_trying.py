"""Of a parked variant, or by a route that is down, one notification is tried; the fate of the rest follows from it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.delivery import parking, rounds
from services.delivery.attempt import Attempts
from services.delivery.authorization import Authorizer, Wiring
from services.delivery.budget import Policy
from services.delivery.capping import Capping
from services.delivery.catalog import Credentialed
from services.delivery.flight import Postponed
from services.delivery.job import Found
from services.delivery.pacing import Pacing
from services.delivery.parking import Parking
from services.delivery.routes import Around, Routes
from services.delivery.telling import Telling
from services.delivery.transport.contract import Parcel, Results, results_of
from shared.flow.record import AWAITED, Part
from shared.flow.verdict import Answer, Fate, Outcome, OutcomeUnknown
from shared.providers.registry import provider
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from shared.store.parking import Parked
from shared.store.variants import Variant
from tests.integration.ingest.credentials import apns
from tests.unit.delivery.chunks import NOW, found, job, send

pytestmark = pytest.mark.anyio
SIZE = 20
FINE: Outcome = Answer(200, {})
REFUSED: Outcome = Answer(403, {}, b'{"reason":"Forbidden"}')
DOWN: Outcome = Answer(503, {}, b'{"reason":"ServiceUnavailable"}')
DEAD: Outcome = Answer(410, {}, b'{"reason":"Unregistered"}')
UNKNOWN: Outcome = OutcomeUnknown("timeout")


@dataclass
class Bench:
    """Attempts over a real store; the provider answers as it is told, and the catalog knows one variant."""

    store: Store
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    answer: Callable[[], Outcome] = lambda: FINE
    asked: list[int] = field(default_factory=list)
    parked: Parked | None = None
    silent: bool = False
    """Nothing is answered for a while; whoever may goes on without."""
    policy: Policy = field(default_factory=Policy)
    attempts: Attempts = field(init=False)

    def __post_init__(self) -> None:
        speaks, metrics, clock, known = provider("apns"), Metrics(), cast("Any", self.clock), cast("Any", self)
        rng = random.Random(1)
        self.settings = speaks.Settings.model_validate(apns())
        authorizer = Authorizer(Wiring(self.store, speaks, speaks.Endpoints(), known, clock, metrics, "w"))
        self.attempts = Attempts(
            rounds.Wiring(
                speaks, speaks.Endpoints(), Pacing(self, self.store, clock, Life(timedelta(seconds=1)), leaving=self),
                known, authorizer, clock, metrics, 1, rng,
                Parking(parking.Wiring("apns", self.store, known, clock, metrics)),
                Routes("apns", clock, metrics, rng, Around(self.policy, Telling(self.store, "w"))),
                Capping(self.store.caps, clock),
            )
        )  # fmt: skip

    async def send(self, parcels: Sequence[Parcel]) -> list[Results]:
        self.asked += [parcel.requests.count for parcel in parcels]
        return [results_of([self.answer() for _ in range(parcel.requests.count)]) for parcel in parcels]

    async def send_most(self, parcels: Sequence[Parcel]) -> list[Results]:
        if not self.silent:
            return await self.send(parcels)
        self.asked += [parcel.requests.count for parcel in parcels]
        later: asyncio.Future[Results] = asyncio.get_running_loop().create_future()
        return [Results(open=list(range(parcel.requests.count)), later=later) for parcel in parcels]

    async def variant(self, app: str, variant: str) -> Credentialed:
        made = datetime(2026, 1, 1, tzinfo=UTC)
        return Credentialed(Variant(variant, app, "apns", "iOS", 1, made, {}), self.settings, self.parked)

    def forget(self, variant: str) -> None:
        """There is nothing to read again."""

    async def park(self) -> None:
        self.parked = Parked("v1", "app", 1, "Forbidden", NOW, NOW)
        assert await self.store.parking.park(self.parked)

    async def run(self, chunks: int = 1) -> list[Part | Postponed]:
        return await self.attempts.run([(job(send(), chunk), devices()) for chunk in range(chunks)])

    async def break_route(self) -> None:
        """The route goes down, and is due to be tried."""
        self.answer = lambda: DOWN
        await self.run()
        self.asked.clear()
        self.clock.advance(timedelta(seconds=13))

    async def retry(self) -> Part | Postponed:
        """A retry of the devices of a chunk."""
        one = job(send())
        again = replace(one, member=f"{one.member}~0/0", parent=(one.member, 0))
        (ended,) = await self.attempts.run([(again, devices())])
        return ended

    @property
    async def is_parked(self) -> bool:
        return bool(await self.store.parking.of(["v1"]))


@pytest.fixture
async def bench(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield Bench(store)


def devices() -> Found:
    return Found([one._replace(token="ab" * 32) for one in found(SIZE).devices], looked_up_at=NOW)


def owed(part: Part | Postponed) -> int:
    assert isinstance(part, Part)
    assert part.balanced()
    return sum(len(debt.devices) for debt in part.owed)


def delivered(part: Part | Postponed) -> int:
    assert isinstance(part, Part)
    return sum(count.n for count in part.counts if count.fate is Fate.DELIVERED)


async def test_a_chunk_that_is_refused_as_a_whole_is_not_recorded(bench: Bench) -> None:
    bench.answer = lambda: REFUSED
    (ended,) = await bench.run()
    assert isinstance(ended, Postponed)
    assert await bench.is_parked


async def test_a_chunk_of_which_one_went_through_is_recorded_and_parks_nobody(bench: Bench) -> None:
    answers = iter([FINE, *[REFUSED] * (SIZE - 1)])
    bench.answer = lambda: next(answers)
    (ended,) = await bench.run()
    assert (delivered(ended), owed(ended)) == (1, SIZE - 1)
    assert not await bench.is_parked


async def test_a_probe_that_goes_through_takes_its_whole_bundle_along(bench: Bench) -> None:
    await bench.park()
    ended = await bench.run(3)
    assert bench.asked == [1, SIZE - 1, SIZE, SIZE]
    assert [delivered(part) for part in ended] == [SIZE] * 3
    assert not await bench.is_parked


async def test_a_dead_token_proves_as_much_as_a_delivery(bench: Bench) -> None:
    await bench.park()
    answers = iter([DEAD])
    bench.answer = lambda: next(answers, FINE)
    (ended,) = await bench.run()
    assert delivered(ended) == SIZE - 1
    assert not await bench.is_parked


async def test_a_probe_that_is_refused_costs_one_request_and_the_next_is_later(bench: Bench) -> None:
    await bench.park()
    bench.answer = lambda: REFUSED
    ended = await bench.run(3)
    assert bench.asked == [1]
    assert all(isinstance(one, Postponed) for one in ended)
    stored = (await bench.store.parking.of(["v1"]))["v1"]
    assert (stored.probes, stored.probe_at) == (1, NOW + timedelta(minutes=2))


async def test_a_probe_of_unknown_outcome_is_recorded_and_the_rest_owed(bench: Bench) -> None:
    await bench.park()
    bench.answer = lambda: UNKNOWN
    first, second = await bench.run(2)
    assert bench.asked == [1]
    assert owed(first) == SIZE
    assert isinstance(second, Postponed)
    assert await bench.is_parked


async def test_two_who_come_upon_the_same_probe_try_one(bench: Bench) -> None:
    await bench.park()
    bench.answer = lambda: REFUSED
    await bench.run()
    await bench.run()  # with what was read before the first of them took the probe
    assert bench.asked == [1]


@pytest.mark.parametrize(("answer", "requests"), [(DOWN, [1]), (UNKNOWN, [1]), (FINE, [1, SIZE - 1, SIZE])])
async def test_by_a_route_that_is_down_one_is_tried(bench: Bench, answer: Outcome, requests: list[int]) -> None:
    await bench.break_route()
    bench.answer = lambda: answer
    first, second = await bench.run(2)
    assert bench.asked == requests
    if answer is FINE:
        assert [delivered(first), delivered(second)] == [SIZE, SIZE]
    else:
        assert isinstance(second, Postponed)
    if answer is UNKNOWN:
        assert owed(first) == SIZE
    if answer is DOWN:
        assert isinstance(first, Postponed)


async def test_one_that_tries_a_route_and_has_no_answer_yet_is_recorded_as_out_and_never_worked_again_unmarked(
    bench: Bench,
) -> None:
    await bench.break_route()
    bench.silent = True
    first, second = await bench.run(2)
    assert bench.asked == [1]
    assert owed(first) == SIZE
    assert isinstance(first, Part)
    assert {(debt.reason, debt.unknown, len(debt.devices)) for debt in first.owed} == {
        (AWAITED, True, 1),
        ("route_down", False, SIZE - 1),
    }
    assert isinstance(second, Postponed)


async def test_before_it_is_time_nothing_goes_by_a_route_that_is_down(bench: Bench) -> None:
    await bench.break_route()
    bench.answer = lambda: UNKNOWN
    await bench.run()
    bench.asked.clear()
    (ended,) = await bench.run()
    assert isinstance(ended, Postponed)
    assert bench.asked == []


async def test_the_planner_is_told_what_a_route_that_is_down_keeps_back_and_when_it_is_back(bench: Bench) -> None:
    await bench.break_route()
    away = bench.store.database["away"]
    assert await away.distinct("variant") == ["v1"]
    bench.answer = lambda: DOWN
    before = await away.find_one({})
    await bench.run()
    after = await away.find_one({})
    assert before is not None
    assert after is not None
    assert after["until"] > before["until"]
    bench.clock.advance(timedelta(minutes=1))
    bench.answer = lambda: FINE
    await bench.run()
    assert await away.find_one({}) is None


async def test_a_retry_beyond_the_budget_is_not_asked_for_and_not_recorded(bench: Bench) -> None:
    few = Bench(bench.store, policy=Policy(share=0.1, least=SIZE / 60))
    throttled = Answer(429, {}, b'{"reason":"TooManyRequests"}')
    few.answer = lambda: throttled
    assert owed(await few.retry()) == SIZE
    few.asked.clear()
    ended = await few.retry()
    assert isinstance(ended, Postponed)
    assert few.asked == []
    assert [owed(part) for part in await few.run()] == [SIZE], "first attempts go on"
    few.clock.advance(timedelta(minutes=2))
    few.answer = lambda: FINE
    for _ in range(3):
        assert delivered(await few.retry()) == SIZE
