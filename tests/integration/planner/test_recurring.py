"""Repeated sends over a real store: each moment is one send, whoever makes it, and stale ones are not made up for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.planner.recurring import Recurring
from shared.flow.accept import RouteTarget, accept
from shared.flow.order import Order
from shared.flow.send import Send, SendRequest
from shared.roster import Roster
from shared.runtime.clock import FixedClock
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from shared.store.schedule import Scheduled

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
ONE = datetime(2030, 1, 1, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
VARIANTS = (RouteTarget("v1", "apns"),)


class OneRoster:
    """An app with one variant."""

    async def of(self, _: str, *, fresh: bool = False) -> Roster:
        return Roster(VARIANTS, fresh=fresh)


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


class Planners:
    """Two planners that look at the same repeated send at the same time."""

    def __init__(self, store: Store, **said: Any) -> None:
        self.store, self.clock = store, FixedClock(NOW)
        request = {"audience": {"everyone": True}, "message": {}, "repeat": {"cron": "0 * * * *", **said}}
        self.send = accept(
            SendRequest.model_validate(request), "app", "app.hourly01", VARIANTS, NOW, check=lambda *_: ()
        )
        self.both = [Recurring(store, cast("Any", self.clock), cast("Any", OneRoster())) for _ in range(2)]

    async def look(self, at: datetime) -> bool:
        self.clock.advance(at - self.clock.now())
        await self.store.schedule.add(self.send, at, HOUR)
        entry = Scheduled(self.send.key, "app", self.send.lane, small=False, check_at=at, wait=HOUR, released={})
        standing = await self.store.orders.get(self.send.key)
        more = await asyncio.gather(*(one.next(self.send, entry, standing) for one in self.both))
        assert more[0] == more[1]
        await self.store.schedule.remove(self.send.key)
        return more[0]

    async def made(self) -> list[Send]:
        sends = await self.store.sends.latest("app", 100)
        return sorted((one for one in sends if one.key != self.send.key), key=lambda one: one.key)


async def moments(planners: Planners) -> list[datetime | None]:
    return [one.begins_at for one in await planners.made()]


async def test_each_moment_is_one_send_and_is_looked_at_in_time(opened: Store) -> None:
    planners = Planners(opened)
    for hour in range(3):
        for late in (timedelta(), timedelta(seconds=30)):
            assert await planners.look(ONE + hour * HOUR + late)
    assert await moments(planners) == [ONE, ONE + HOUR, ONE + 2 * HOUR]
    first = (await planners.made())[0]
    assert first.id == "hourly01-20300101T1300Z"
    assert await opened.schedule.due(ONE, HOUR) is not None, "it is on the schedule for its moment"


async def test_after_days_without_a_planner_only_a_fresh_moment_is_made_up_for(opened: Store) -> None:
    planners = Planners(opened)
    await planners.look(ONE + 72 * HOUR + timedelta(minutes=20))
    assert await moments(planners) == [ONE + 72 * HOUR]


async def test_a_paused_one_makes_nothing_and_does_not_make_up_for_it(opened: Store) -> None:
    planners = Planners(opened)
    await opened.orders.give(planners.send.key, Order.PAUSED, ONE - HOUR / 4)
    assert await planners.look(ONE)
    await opened.orders.resume(planners.send.key, ONE + HOUR / 4)
    await planners.look(ONE + HOUR / 2)
    assert await moments(planners) == []
    await planners.look(ONE + HOUR)
    assert await moments(planners) == [ONE + HOUR]


async def test_the_last_moment_is_made_and_then_it_is_over(opened: Store) -> None:
    planners = Planners(opened, until=ONE + HOUR)
    assert await planners.look(ONE)
    assert not await planners.look(ONE + HOUR)
    assert await moments(planners) == [ONE, ONE + HOUR]
    plan = await planners.both[0].end(planners.send)
    assert plan.chunks == 0


async def test_what_has_ended_is_not_replaced_and_what_was_replaced_meanwhile_has_not_ended(opened: Store) -> None:
    planners = Planners(opened)
    first, second = (planners.send.model_copy(update={"revision": number}) for number in (1, 2))
    await opened.sends.insert([planners.send])
    assert await opened.sends.replace(first)
    assert not await opened.sends.end(planners.send, NOW), "of what it was, not of what it is"
    assert await opened.sends.end(first, NOW)
    assert not await opened.sends.replace(second)
