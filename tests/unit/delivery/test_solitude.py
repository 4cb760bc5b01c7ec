"""One is alone only when the others are done, and while it is nobody begins."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from services.delivery.solitude import Solitude

pytestmark = pytest.mark.anyio


async def test_who_wants_to_be_alone_waits_for_those_at_work() -> None:
    solitude, entered = Solitude(), list[bool]()

    async def alone() -> None:
        async with solitude.alone() as is_alone:
            entered.append(is_alone)

    with solitude.running():
        waiting = asyncio.create_task(alone())
        await asyncio.sleep(0.01)
        assert solitude.wanted
        assert not entered
    await waiting
    assert entered == [True]
    assert not solitude.wanted


async def test_who_works_too_long_is_not_waited_for() -> None:
    solitude = Solitude(timedelta(milliseconds=10))
    with solitude.running():
        async with solitude.alone() as is_alone:
            assert not is_alone
    async with solitude.alone() as is_alone:
        assert not is_alone  # it is the others' turn, for as long
    assert not solitude.wanted
    await asyncio.sleep(0.05)
    async with solitude.alone() as is_alone:
        assert is_alone


async def test_each_wait_in_vain_makes_the_next_one_longer() -> None:
    waits: list[float] = []

    async def never(_: asyncio.Event, within: float) -> bool:
        waits.append(within)
        return False

    minutes = itertools.count(0, 60)
    solitude = Solitude(came=never, monotonic=lambda: float(next(minutes)))
    with solitude.running():
        for _ in range(7):
            async with solitude.alone() as is_alone:
                assert not is_alone
    assert waits == [2, 4, 8, 16, 32, 40, 40]


async def test_two_are_not_alone_together_and_the_others_go_on_after_the_first() -> None:
    solitude = Solitude()
    async with solitude.alone() as first, solitude.alone() as second:
        assert (first, second) == (True, False)
        over = asyncio.create_task(solitude.over())
        await asyncio.sleep(0.01)
        assert not over.done()
    await asyncio.wait_for(over, 20)
