"""Grouping: every item flushed once, in a group that is not too large, and each put told its own outcome."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.bus.bundle import open_grouper

pytestmark = pytest.mark.anyio

LONG = timedelta(minutes=1)


class Recorder:
    """A flush that doubles what it gets; odd multiples of seven fail, each for itself."""

    def __init__(self, takes: float = 0) -> None:
        self.groups: list[list[int]] = []
        self.at_once = 0
        self.most_at_once = 0
        self._takes = takes

    async def __call__(self, items: list[int]) -> Sequence[int | Exception]:
        self.groups.append(items)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self._takes)
        self.at_once -= 1
        return [ValueError(item) if item % 7 == 0 else item * 2 for item in items]


@given(st.lists(st.integers(0, 1000), max_size=80), st.integers(1, 12), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_every_item_is_flushed_once_in_order_and_learns_its_own_outcome(
    items: list[int], most: int, in_flight: int
) -> None:
    flush = Recorder()

    async def put_all() -> list[int | BaseException]:
        async with open_grouper(flush, most=most, in_flight=in_flight, linger=timedelta(0)) as grouper:
            return await asyncio.gather(*(grouper.put(item) for item in items), return_exceptions=True)

    outcomes = asyncio.run(put_all())
    assert sorted(item for group in flush.groups for item in group) == sorted(items)
    assert all(0 < len(group) <= most for group in flush.groups)
    assert flush.most_at_once <= in_flight
    for item, outcome in zip(items, outcomes, strict=True):
        assert isinstance(outcome, ValueError) if item % 7 == 0 else outcome == item * 2


async def test_a_full_group_does_not_wait_and_one_that_is_not_full_waits_no_longer_than_asked() -> None:
    flush = Recorder()
    async with open_grouper(flush, most=3, linger=LONG) as grouper, asyncio.timeout(1):
        assert await asyncio.gather(*(grouper.put(item) for item in (1, 2, 3))) == [2, 4, 6]
    async with open_grouper(flush, linger=timedelta(milliseconds=5)) as grouper, asyncio.timeout(1):
        assert await grouper.put(5) == 10
    assert flush.groups == [[1, 2, 3], [5]]


async def test_while_a_group_is_flushed_the_next_grows_and_is_flushed_whole() -> None:
    flush = Recorder(takes=0.05)
    async with open_grouper(flush, in_flight=1, linger=timedelta(milliseconds=1)) as grouper, asyncio.timeout(5):
        puts = [asyncio.ensure_future(grouper.put(9))]
        await asyncio.sleep(0.02)
        for item in range(1, 5):
            puts.append(asyncio.ensure_future(grouper.put(item)))
            await asyncio.sleep(0.004)
        await asyncio.gather(*puts)
    assert [len(group) for group in flush.groups] == [1, 4]


async def test_gathering_goes_on_while_more_comes_but_not_for_ever() -> None:
    flush = Recorder()
    linger, longest = timedelta(milliseconds=20), timedelta(milliseconds=200)
    async with open_grouper(flush, linger=linger, longest=longest) as grouper, asyncio.timeout(5):
        puts = []
        for item in range(1, 7):
            puts.append(asyncio.ensure_future(grouper.put(item)))
            await asyncio.sleep(0.004)
        assert flush.groups == []
        while not flush.groups:
            puts.append(asyncio.ensure_future(grouper.put(8)))
            await asyncio.sleep(0.004)
        await asyncio.gather(*puts)
    assert flush.groups[0][:6] == [1, 2, 3, 4, 5, 6]


async def test_a_patient_group_waits_for_the_one_in_flight_unless_it_is_full() -> None:
    groups: list[list[int]] = []
    gates = [asyncio.Event() for _ in range(4)]

    async def flush(items: list[int]) -> Sequence[int | Exception]:
        groups.append(items)
        await gates[len(groups) - 1].wait()
        return items

    async def put(*items: int) -> None:
        puts.extend(asyncio.ensure_future(grouper.put(item)) for item in items)
        await asyncio.sleep(0.02)

    puts: list[asyncio.Future[int]] = []
    linger, longest = timedelta(milliseconds=1), timedelta(milliseconds=4)
    async with open_grouper(flush, linger=linger, longest=longest, most=4) as grouper:
        await put(1)
        await put(2)
        await put(3)
        assert groups == [[1]]
        gates[0].set()
        await put()
        assert groups == [[1], [2, 3]]
        await put(4, 5)
        await put(6, 7)
        assert groups == [[1], [2, 3], [4, 5, 6, 7]]
        await put(8)
        assert len(groups) == 3
        for gate in gates:
            gate.set()
        await put()
    assert groups[3:] == [[8]]
    assert [one.result() for one in puts] == list(range(1, 9))


async def test_staggered_groups_wait_for_one_in_flight_but_only_so_long_after_it_began() -> None:
    groups: list[list[int]] = []
    gates = [asyncio.Event() for _ in range(4)]
    fourth = asyncio.Event()

    async def flush(items: list[int]) -> Sequence[int | Exception]:
        groups.append(items)
        if len(groups) == 4:
            fourth.set()
        await gates[len(groups) - 1].wait()
        return items

    async def put(*items: int) -> None:
        puts.extend(asyncio.ensure_future(grouper.put(item)) for item in items)
        await asyncio.sleep(0.02)

    puts: list[asyncio.Future[int]] = []
    async with open_grouper(flush, linger=timedelta(), most=3, stagger=timedelta(seconds=2)) as grouper:
        await put(1)
        await put(2)
        await put(3)
        assert groups == [[1]]
        gates[0].set()
        await put()
        assert groups == [[1], [2, 3]]
        await put(4, 5, 6)
        assert groups == [[1], [2, 3], [4, 5, 6]]
        await put(7)
        assert len(groups) == 3
        async with asyncio.timeout(20):
            await fourth.wait()  # none of those in flight ends, and yet it goes
        for gate in gates:
            gate.set()
        assert await asyncio.gather(*puts) == list(range(1, 8))


async def test_leaving_flushes_what_was_put_and_takes_nothing_more() -> None:
    flush = Recorder()
    async with open_grouper(flush, linger=LONG) as grouper:
        put = asyncio.ensure_future(grouper.put(4))
        await asyncio.sleep(0)
    assert await put == 8
    with pytest.raises(RuntimeError):
        await grouper.put(4)
    assert flush.groups == [[4]]


async def test_a_flush_that_fails_fails_every_put_of_its_group_and_no_other() -> None:
    async def flush(items: list[int]) -> Sequence[int | Exception]:
        if 1 in items:
            raise ConnectionError
        return items

    async with open_grouper(flush, most=2, linger=timedelta(0)) as grouper:
        outcomes = await asyncio.gather(*(grouper.put(item) for item in (1, 2, 3, 4)), return_exceptions=True)
    assert [isinstance(outcome, ConnectionError) for outcome in outcomes] == [True, True, False, False]


async def test_a_flush_with_too_few_results_confirms_nothing() -> None:
    async def flush(items: list[int]) -> Sequence[int | Exception]:
        return items[1:]

    async with open_grouper(flush, most=2) as grouper:
        outcomes = await asyncio.gather(grouper.put(1), grouper.put(2), return_exceptions=True)
    assert all(isinstance(outcome, RuntimeError) for outcome in outcomes)


async def test_a_cancelled_put_disturbs_no_other() -> None:
    flush = Recorder(takes=0.02)
    async with open_grouper(flush, linger=timedelta(milliseconds=2)) as grouper:
        puts = [asyncio.ensure_future(grouper.put(item)) for item in (1, 2, 3)]
        await asyncio.sleep(0.01)
        puts[1].cancel()
        outcomes = await asyncio.gather(*puts, return_exceptions=True)
    assert outcomes[0] == 2
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert outcomes[2] == 6


async def test_putting_waits_while_too_much_is_under_way() -> None:
    release = asyncio.Event()
    taken: list[int] = []

    async def flush(items: list[int]) -> Sequence[int | Exception]:
        taken.extend(items)
        await release.wait()
        return items

    async with open_grouper(flush, most=2, in_flight=1, linger=timedelta(0)) as grouper:
        puts = [asyncio.ensure_future(grouper.put(item)) for item in range(20)]
        await asyncio.sleep(0.02)
        assert len(taken) == 2
        assert len(grouper._waiting) <= 2
        release.set()
        assert await asyncio.gather(*puts) == list(range(20))
