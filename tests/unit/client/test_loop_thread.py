"""The loop by which threads use what awaits: it never lets anybody wait for nothing."""

import asyncio
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from services.client.loop_thread import LoopThread


async def seven() -> int:
    return 7


def test_threads_share_it_and_it_can_be_started_again() -> None:
    loop = LoopThread("test")
    for _ in range(2):
        loop.start()
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda _: loop.do(seven()), range(50))) == [7] * 50
        loop.stop()
    loop.stop()


def test_who_asks_outside_of_its_life_is_told_so() -> None:
    loop = LoopThread("test")
    with pytest.raises(RuntimeError, match="with"):
        loop.do(seven())
    loop.start()
    with pytest.raises(RuntimeError, match="in use"):
        loop.start()
    loop.stop()
    with pytest.raises(RuntimeError, match="with"):
        loop.do(seven())


def test_who_waits_when_it_stops_does_not_wait_for_ever() -> None:
    loop, begun = LoopThread("test"), threading.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    loop.start()
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(lambda: loop.do(endless()))
        assert begun.wait(20)
        loop.stop()
        with pytest.raises(CancelledError):
            waits.result(20)
