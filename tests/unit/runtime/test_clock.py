"""The store's time: right by the last answer, steady in between, honest about how far off the machine is."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.runtime import clock as module
from shared.runtime.clock import Clock, FixedClock

pytestmark = pytest.mark.anyio


def store(ahead: timedelta) -> "Store":
    return Store(ahead)


class Store:
    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    async def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.mark.parametrize("seconds", [-3600, -1, 0, 0.5, 90])
async def test_now_is_the_stores_time_after_one_answer(seconds: float) -> None:
    ahead = timedelta(seconds=seconds)
    clock = Clock(store(ahead).now)
    offset = await clock.measure()
    assert abs(offset - ahead) < timedelta(milliseconds=50)
    assert abs(clock.now() - (datetime.now(UTC) + ahead)) < timedelta(milliseconds=50)


async def test_a_jump_of_the_machines_clock_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(store(timedelta(0)).now)
    await clock.measure()
    before = clock.now()

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
            return datetime.now(UTC) + timedelta(minutes=5)

    monkeypatch.setattr(module, "datetime", Jumped)
    assert clock.now() - before < timedelta(seconds=1)
    with pytest.raises(RuntimeError, match="-300 s"):
        await clock.check()


async def test_an_answer_that_took_long_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(store(timedelta(0)).now)
    await clock.measure()
    before = clock.now()
    begin = module._steady()
    moments = iter([begin, begin + 12])
    with monkeypatch.context() as patched:
        patched.setattr(module, "_steady", lambda: next(moments))
        with pytest.raises(TimeoutError):
            await clock.measure()
    assert clock.now() - before < timedelta(seconds=1)


@pytest.mark.parametrize(("ahead", "off"), [(0, 0), (20, 19.5)])
async def test_an_answer_that_took_a_while_moves_no_clock_that_it_may_agree_with(ahead: float, off: float) -> None:
    async def slow() -> datetime:
        now = datetime.now(UTC) + timedelta(seconds=ahead)
        await asyncio.sleep(1)
        return now

    clock = Clock(slow)
    offset = await clock.measure()
    assert abs(offset - timedelta(seconds=off)) < timedelta(milliseconds=100)


async def test_a_minute_off_is_not_ready_and_less_is() -> None:
    fine, off = Clock(store(timedelta(seconds=59)).now), Clock(store(timedelta(seconds=-61)).now)
    await fine.measure()
    await fine.check()
    await off.measure()
    with pytest.raises(RuntimeError, match="61 s"):
        await off.check()


def test_the_scale_divides_spans() -> None:
    assert FixedClock(scale=60).scaled(timedelta(minutes=1)) == timedelta(seconds=1)


def test_a_fixed_clock_moves_only_when_told() -> None:
    clock = FixedClock()
    before = clock.now()
    clock.advance(timedelta(hours=2))
    assert clock.now() - before == timedelta(hours=2)
