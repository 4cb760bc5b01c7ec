"""What goes first in delivery's event loop: the order of what is ready, and that it is a whole loop of asyncio."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import pytest

from shared.runtime.express import MOST, SHARE, ExpressLoop, express, express_context

T = TypeVar("T")


class Time:
    """It passes as callbacks say, and no other."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def on_it(main: Callable[[], Coroutine[Any, Any, T]], time: Time | None = None) -> T:
    with asyncio.Runner(loop_factory=partial(ExpressLoop, time or Time())) as runner:
        return runner.run(main())


async def steps(log: list[str], name: str, count: int) -> None:
    for _ in range(count):
        log.append(name)
        await asyncio.sleep(0)


def started(work: Coroutine[Any, Any, T], *, goes_first: bool) -> asyncio.Task[T]:
    with express(goes_first):
        return asyncio.get_running_loop().create_task(work)


def test_the_steps_of_what_goes_first_follow_each_other() -> None:
    async def main() -> list[str]:
        log: list[str] = []
        rest = [started(steps(log, "rest", 3), goes_first=False) for _ in range(10)]
        await asyncio.gather(started(steps(log, "first", 30), goes_first=True), *rest)
        return log

    log = on_it(main)
    assert log.count("first") == log.count("rest") == 30
    assert log[:30] == ["first"] * 30


def test_the_rest_has_its_share_of_the_time_however_much_goes_first() -> None:
    time = Time()

    async def busy(used: list[float], step: float) -> None:
        while True:
            time.now += step
            used[0] += step
            await asyncio.sleep(0)

    async def main() -> tuple[float, float]:
        first, rest = [0.0], [0.0]
        endless = [started(busy(first, step), goes_first=True) for step in (0.002, 0.0002)]
        endless += [started(busy(rest, 0.00005), goes_first=False) for _ in range(20)]
        with express():
            while first[0] < 1:  # noqa: ASYNC110  # it is the turns of the loop that pass
                await asyncio.sleep(0)
        for one in endless:
            one.cancel()
        return first[0], rest[0]

    first, rest = on_it(main, time)
    assert rest / first == pytest.approx(SHARE, rel=0.1)


def test_the_rest_does_not_make_up_for_what_it_had_no_use_for() -> None:
    time = Time()

    async def work(log: list[str], name: str, count: int) -> None:
        for _ in range(count):
            time.now += 0.001
            log.append(name)
            await asyncio.sleep(0)

    async def main() -> list[str]:
        log: list[str] = []
        await started(work(log, "alone", 10_000), goes_first=True)
        await asyncio.gather(
            started(work(log, "rest", 100), goes_first=False), started(work(log, "first", 100), goes_first=True)
        )
        return log[10_000:]

    log = on_it(main, time)
    assert log.index("first") <= MOST / 0.001 + 1
    assert 15 <= log[:100].count("rest") <= 22


def test_what_is_started_by_what_goes_first_goes_first_too() -> None:
    async def main() -> list[str]:
        log: list[str] = []

        async def parent() -> None:
            await asyncio.create_task(steps(log, "child", 3))

        rest = [started(steps(log, "rest", 1), goes_first=False) for _ in range(10)]
        await asyncio.gather(started(parent(), goes_first=True), *rest)
        return log

    assert on_it(main)[:3] == ["child"] * 3


def test_outside_of_it_callbacks_run_in_the_order_they_were_called_in() -> None:
    async def main() -> list[int]:
        log: list[int] = []
        loop = asyncio.get_running_loop()
        for number in range(50):
            loop.call_soon(log.append, number)
        for number in range(50, 60):
            loop.call_soon(log.append, number, context=express_context(goes_first=False))
        await asyncio.sleep(0.01)
        return log

    assert on_it(main) == list(range(60))


def test_what_arrived_is_read_before_the_rest_goes_on_and_is_told_once() -> None:
    async def main() -> tuple[list[str], int]:
        log: list[str] = []
        loop = asyncio.get_running_loop()
        pairs = [socket.socketpair() for _ in range(40)]  # more than callbacks between two looks

        def readable(one: socket.socket) -> None:
            log.append(f"read {len(one.recv(100))}")  # would fail if it was told of it again

        for ours, theirs in pairs:
            ours.setblocking(False)
            loop.add_reader(ours, readable, ours)
            theirs.send(b"x")
        for _ in range(100):
            loop.call_soon(log.append, "rest")
        await asyncio.sleep(0.05)
        before = log.index("read 1")
        for ours, theirs in pairs:
            loop.remove_reader(ours)
            ours.close()
            theirs.close()
        return log[before : before + len(pairs)], log.count("rest")

    read, rest = on_it(main)
    assert read == ["read 1"] * 40
    assert rest == 100


def test_timers_threads_and_sockets_work_as_on_any_loop() -> None:
    async def main() -> tuple[bytes, str, bool]:
        loop = asyncio.get_running_loop()

        async def echo(end: socket.socket) -> None:
            reader, writer = await asyncio.open_connection(sock=end)
            writer.write(await reader.readexactly(1_000_000))
            writer.close()
            await writer.wait_closed()

        ours, theirs = socket.socketpair()
        with express():
            echoing = loop.create_task(echo(theirs))
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(b"y" * 1_000_000)
        answer = await reader.read(-1)
        writer.close()
        await asyncio.gather(echoing, writer.wait_closed())
        said: asyncio.Future[str] = loop.create_future()
        threading.Timer(0.01, loop.call_soon_threadsafe, (said.set_result, "from a thread")).start()
        late = False
        try:
            async with asyncio.timeout(0.05):
                await asyncio.Event().wait()
        except TimeoutError:
            late = True
        return answer, await said, late

    answer, said, late = on_it(main)
    assert (len(answer), said, late) == (1_000_000, "from a thread", True)


def test_a_task_that_is_cancelled_is_not_run_any_more() -> None:
    async def main() -> list[str]:
        log: list[str] = []
        handle = asyncio.get_running_loop().call_soon(log.append, "never")
        handle.cancel()
        task = started(steps(log, "step", 100), goes_first=False)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return log

    log = on_it(main)
    assert "never" not in log
    assert len(log) < 100


def test_what_is_left_at_the_end_is_no_error() -> None:
    async def main() -> None:
        for goes_first in (True, False):
            with express(goes_first):
                asyncio.get_running_loop().call_soon(lambda: None)

    on_it(main)
