"""A process's life, without signals: pausing, reaching what is not there yet, stopping once."""

import asyncio
import time
from datetime import timedelta

import pytest

from shared.runtime.life import Life, Stopped, run, watch_loop
from shared.runtime.metrics import Metrics
from shared.runtime.tasks import task_group

pytestmark = pytest.mark.anyio

SOON = timedelta(milliseconds=5)


async def test_a_pause_ends_early_when_the_process_stops() -> None:
    life = Life(timedelta(seconds=1))
    assert await life.pause(SOON) is True
    asyncio.get_running_loop().call_later(0.01, life.stop)
    async with asyncio.timeout(1):
        assert await life.pause(timedelta(minutes=1)) is False


async def test_stopping_twice_does_not_move_the_deadline() -> None:
    life = Life(timedelta(seconds=1))
    assert life.remaining == timedelta(seconds=1)
    life.stop()
    await asyncio.sleep(0.02)
    before = life.remaining
    life.stop()
    assert life.remaining <= before < timedelta(seconds=1)


async def test_what_is_not_there_yet_is_tried_until_it_is() -> None:
    tries = iter([ConnectionError(), TimeoutError(), None])

    async def attempt() -> str:
        error = next(tries)
        if error is not None:
            raise error
        return "there"

    assert await Life(SOON).reach("broker", attempt) == "there"


async def test_reaching_ends_when_the_process_stops() -> None:
    life = Life(SOON)

    async def attempt() -> None:
        raise ConnectionError

    asyncio.get_running_loop().call_later(0.01, life.stop)
    async with asyncio.timeout(1):
        with pytest.raises(Stopped):
            await life.reach("broker", attempt)


async def test_reaching_ends_at_once_even_while_a_try_hangs_and_leaves_nothing_running() -> None:
    life, ended = Life(SOON), asyncio.Event()

    async def attempt() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    asyncio.get_running_loop().call_later(0.01, life.stop)
    async with asyncio.timeout(1):
        with pytest.raises(Stopped):
            await life.reach("store", attempt)
    assert ended.is_set()


def test_a_stop_while_starting_is_a_good_end_whatever_groups_of_tasks_it_passes() -> None:
    async def starting(life: Life) -> None:
        async with asyncio.TaskGroup(), asyncio.TaskGroup():
            life.stop()
            await life.reach("store", asyncio.Event().wait)

    async def failing(life: Life) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(starting(life))
            raise KeyError

    assert run(starting, drain=timedelta(seconds=5)) == 0
    assert run(failing, drain=timedelta(seconds=5)) == 1


async def test_a_blocked_loop_is_measured() -> None:
    metrics = Metrics()
    task = asyncio.ensure_future(watch_loop(metrics))
    await asyncio.sleep(0.1)
    time.sleep(0.4)  # noqa: ASYNC251  # this is what is to be found out
    await asyncio.sleep(0.05)
    task.cancel()
    assert 0.2 < metrics.loop_lag_seconds._value.get() < 5


async def test_what_fails_in_the_body_of_a_task_group_comes_out_as_itself_and_a_task_in_a_group() -> None:
    async def fail() -> None:
        raise KeyError

    async def body_fails() -> None:
        async with task_group() as tasks:
            tasks.create_task(asyncio.sleep(0))
            await fail()

    async def task_fails() -> None:
        async with task_group() as tasks:
            tasks.create_task(fail())
            await asyncio.sleep(5)

    with pytest.raises(KeyError):
        await body_fails()
    with pytest.raises(BaseExceptionGroup):
        await task_fails()
