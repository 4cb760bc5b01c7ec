"""What ends the wait for a reply: its deadline, a connection that is given up, or whoever cancels the one who waits."""

import asyncio
import time
from dataclasses import dataclass

import pytest
from pymongo.errors import _OperationCancelled

from shared.store.direct_replies import Patience

pytestmark = pytest.mark.anyio


@dataclass
class Context:
    cancelled: bool = False


async def test_a_reply_in_time_is_given_on_and_leaves_nothing_behind() -> None:
    with Patience(Context(), time.monotonic() + 60):
        await asyncio.sleep(0.01)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # nothing comes after it


@pytest.mark.parametrize("seconds", [-1, 0, 0.05])
async def test_at_the_deadline_the_wait_ends_as_a_timeout(seconds: float) -> None:
    with pytest.raises(TimeoutError, match="timed out"), Patience(Context(), time.monotonic() + seconds):
        await asyncio.Event().wait()
    await asyncio.sleep(0)


async def test_even_past_the_deadline_there_is_one_look_for_what_has_come() -> None:
    with Patience(Context(), time.monotonic() - 1):
        pass


async def test_a_connection_that_is_given_up_ends_the_wait_without_a_deadline_too() -> None:
    context = Context()
    asyncio.get_running_loop().call_later(0.05, setattr, context, "cancelled", True)
    with pytest.raises(_OperationCancelled), Patience(context, None):
        await asyncio.Event().wait()


async def test_who_is_cancelled_is_cancelled_also_where_the_deadline_comes_at_the_same_time() -> None:
    async def waits(seconds: float) -> None:
        with Patience(Context(), time.monotonic() + seconds):
            await asyncio.Event().wait()

    for seconds in (60.0, 0.0):
        task = asyncio.create_task(waits(seconds))
        await asyncio.sleep(0)
        if not seconds:
            time.sleep(0.01)  # noqa: ASYNC251  # the timer is due, and has not run
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_timeout_around_the_wait_stays_its_own() -> None:
    async def waits() -> None:
        async with asyncio.timeout(0.05):
            with Patience(Context(), time.monotonic() + 60):
                await asyncio.Event().wait()

    with pytest.raises(TimeoutError) as told:
        await waits()
    assert "timed out" not in str(told.value)
