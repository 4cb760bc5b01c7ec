"""A process's life: SIGTERM asks it to stop, it finishes what is in flight up to a deadline, then it ends."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from shared.runtime.metrics import Metrics

BACKOFF: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries to reach what is not there yet, the last one from there on."""
LAG_EVERY: Final = 0.25
LAG_WINDOW: Final = 20
"""Naps over which the worst lag is kept: 5 s."""

R = TypeVar("R")
Loop = Callable[[], asyncio.AbstractEventLoop]

log = structlog.get_logger()


class Stopped(Exception):  # noqa: N818  # not an error: we were asked to stop
    """Asked to stop while waiting for something at the start."""


class Life:
    """Passed to a service's `main`, which returns soon after `stopping` is set."""

    def __init__(self, drain: timedelta) -> None:
        self.stopping = asyncio.Event()
        self._drain = drain
        self._deadline: float | None = None

    @property
    def draining(self) -> bool:
        return self.stopping.is_set()

    def stop(self) -> None:
        """Ask the process to stop; a second call changes nothing."""
        if not self.draining:
            self._deadline = asyncio.get_running_loop().time() + self._drain.total_seconds()
            self.stopping.set()
            log.info("stopping", drain_seconds=self._drain.total_seconds())

    @property
    def remaining(self) -> timedelta:
        """Time until the process is ended; the whole of it before `stop`."""
        if self._deadline is None:
            return self._drain
        return timedelta(seconds=max(0.0, self._deadline - asyncio.get_running_loop().time()))

    async def pause(self, span: timedelta) -> bool:
        """Sleep; returns False at once when the process stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(span.total_seconds()):
                await self.stopping.wait()
        return not self.draining

    async def reach(self, name: str, attempt: Callable[[], Awaitable[R]]) -> R:
        """The result of `attempt`, tried until it succeeds: a broker or store may start later than we do.

        Raises `Stopped` when asked to stop meanwhile. A start never fails because something is not there yet.
        """
        tries = 0
        while not self.draining:
            try:
                return await self._unless_stopped(attempt)
            except Stopped:
                break
            except Exception as error:  # noqa: BLE001  # whatever it is, trying again is the answer at the start
                if tries % len(BACKOFF) == 0:
                    log.warning("waiting_for", dependency=name, error=f"{type(error).__name__}: {error}"[:300])
            await self.pause(timedelta(seconds=BACKOFF[min(tries, len(BACKOFF) - 1)]))
            tries += 1
        raise Stopped(name)

    async def _unless_stopped(self, attempt: Callable[[], Awaitable[R]]) -> R:
        """What is away may take its whole time limit to say so; nobody waits for that once we are asked to stop."""
        trying, stopped = asyncio.ensure_future(attempt()), asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait((trying, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not trying.done():
                raise Stopped
            return trying.result()
        finally:
            trying.cancel()
            stopped.cancel()
            await asyncio.wait((trying, stopped))


def run(main: Callable[[Life], Awaitable[None]], *, drain: timedelta, loop: Loop | None = None) -> int:
    """Run `main` to its end, on asyncio's loop or another. The exit code: 0; 1 if it failed or outlived the drain."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(_lived(main, Life(drain)))


async def watch_loop(metrics: Metrics) -> None:
    """Measure how late the event loop wakes a sleeper, until cancelled."""
    loop = asyncio.get_running_loop()
    seen: list[float] = []
    while True:
        before = loop.time()
        await asyncio.sleep(LAG_EVERY)
        seen = [*seen[1 - LAG_WINDOW :], max(0.0, loop.time() - before - LAG_EVERY)]
        metrics.loop_lag_seconds.set(max(seen))


async def _lived(main: Callable[[Life], Awaitable[None]], life: Life) -> int:
    with _signals(life.stop):
        task = asyncio.ensure_future(main(life))
        asked = asyncio.ensure_future(life.stopping.wait())
        await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([task], timeout=life.remaining.total_seconds() if life.draining else None)
        asked.cancel()
        if not task.done():
            log.error("drain_deadline_passed")
            task.cancel()
            await asyncio.wait([task])
            return 1
    return _ended(task)


def _ended(task: "asyncio.Future[None]") -> int:
    error = None if task.cancelled() else task.exception()
    if error is None or _asked_to(error):
        log.info("stopped")
        return 0
    log.error("crashed", exc_info=error)
    return 1


def _asked_to(error: BaseException) -> bool:
    """Also inside the groups of tasks that it passed on its way out."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_asked_to, error.exceptions))
    return isinstance(error, Stopped)


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
