"""A variant whose route struggles leaves half of the places for chunks to the others, and stops none of them."""

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from services.delivery.places import Places
from services.delivery.routes import Around, Routes
from services.delivery.ways import NARROW, QUIET, SILENT, Ways
from shared.flow.lane import Lane
from shared.providers.contract import Origin
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from tests.unit.delivery.chunks import NOW

pytestmark = pytest.mark.anyio
BULK, FOR_NOW = 4, 2
SICK, WELL = Origin("sick", 443, "t"), Origin("well", 443, "t")


@dataclass
class Seen:
    """What a transport would say of the routes."""

    waits: dict[Origin, float] = field(default_factory=dict)
    limits: dict[Origin, int] = field(default_factory=dict)

    def quiet(self, origin: Origin) -> float:
        return self.waits.get(origin, 0.0)

    def limit(self, origin: Origin) -> int | None:
        return self.limits.get(origin)


@dataclass
class Scene:
    seen: Seen = field(default_factory=Seen)
    life: Life = field(default_factory=lambda: Life(timedelta(seconds=1)))
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        ways = Ways(self.seen, {"sick": SICK, "well": WELL})
        routes = Routes("apns", FixedClock(NOW), Metrics(), random.Random(1), Around(ways=ways))
        permits = {Lane.NOW: asyncio.Semaphore(FOR_NOW), Lane.BULK: asyncio.Semaphore(BULK)}
        self.places = Places(permits, BULK, routes, self.life)

    async def take(self, stack: AsyncExitStack, variant: str, lane: Lane = Lane.BULK) -> datetime | None:
        return await stack.enter_async_context(self.places.place(variant, lane))

    async def gets_one(self, stack: AsyncExitStack, variant: str, within: float = 0.05) -> bool:
        """Whether there is a place for it; the stack has it then."""
        waiting = asyncio.ensure_future(self.take(stack, variant))
        await asyncio.wait({waiting}, timeout=within)
        if waiting.done():
            return waiting.result() is None
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return False


async def test_a_variant_alone_that_is_well_has_all_places() -> None:
    scene = Scene()
    async with AsyncExitStack() as stack:
        for _ in range(BULK):
            assert await scene.gets_one(stack, "well")
        assert not await scene.gets_one(stack, "well")
    assert scene.places.taken == {}


@pytest.mark.parametrize("sign", ["quiet", "narrow"])
async def test_one_that_struggles_has_half_and_the_others_what_is_left(sign: str) -> None:
    scene = Scene()
    if sign == "quiet":
        scene.seen.waits[SICK] = QUIET
    else:
        scene.seen.limits[SICK] = NARROW - 1
    async with AsyncExitStack() as stack:
        assert await scene.gets_one(stack, "sick")
        assert await scene.gets_one(stack, "sick")
        assert not await scene.gets_one(stack, "sick", within=0.3)
        assert await scene.gets_one(stack, "well")
        assert await scene.gets_one(stack, "well")


async def test_one_that_waits_for_its_place_gets_it_when_its_route_is_well_again() -> None:
    scene = Scene()
    scene.seen.waits[SICK] = QUIET
    async with AsyncExitStack() as stack:
        for _ in range(BULK // 2):
            await scene.take(stack, "sick")
        waiting = asyncio.ensure_future(scene.take(stack, "sick"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        scene.seen.waits.clear()
        assert await asyncio.wait_for(waiting, 20) is None


async def test_by_a_silent_route_no_more_is_begun_and_it_is_said_when_to_come_again() -> None:
    scene = Scene()
    async with AsyncExitStack() as stack:
        for _ in range(BULK // 2):
            await scene.take(stack, "sick")
        scene.seen.waits[SICK] = SILENT
        until = await scene.take(stack, "sick")
        assert until is not None
        assert until > NOW
        assert await scene.gets_one(stack, "well")


async def test_the_lane_now_has_its_own_places_whatever_the_route() -> None:
    scene = Scene()
    scene.seen.waits[SICK] = SILENT
    async with AsyncExitStack() as stack:
        for _ in range(FOR_NOW):
            assert await scene.take(stack, "sick", Lane.NOW) is None


async def test_at_the_end_of_the_process_nobody_is_kept_waiting() -> None:
    scene = Scene()
    scene.seen.waits[SICK] = QUIET
    async with AsyncExitStack() as stack:
        for _ in range(BULK // 2):
            await scene.take(stack, "sick")
        waiting = asyncio.ensure_future(scene.take(stack, "sick"))
        await asyncio.sleep(0.05)
        scene.life.stop()
        assert await asyncio.wait_for(waiting, 20) is None


async def test_transports_that_cannot_tell_give_no_reason_to_wait() -> None:
    ways = Ways(None, {"sick": SICK})
    assert not ways.struggling("sick")
    assert not ways.silent("sick")
    assert not Ways(cast("Any", Seen({SICK: SILENT}))).struggling("never used")
