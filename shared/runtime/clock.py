"""The store's time, so that machines whose clocks differ agree on deadlines; nothing else asks what time it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog

EVERY: Final = timedelta(seconds=30)
WARN: Final = timedelta(seconds=2)
SLOW: Final = timedelta(seconds=2)
"""An answer that took this long is no measurement: up to half of it is error, and a store that elects takes many."""
TICK: Final = timedelta(milliseconds=1)
"""In which the store tells its time."""
REFUSE: Final = timedelta(seconds=60)
"""This far from the store's time a machine is not ready: its certificates and tokens would be refused elsewhere."""

log = structlog.get_logger()


class Time(Protocol):
    """What the rest of a service knows of a clock."""

    def now(self) -> datetime:
        """The store's time, aware."""
        ...

    def scaled(self, span: timedelta) -> timedelta:
        """A delay, pause or window under the time scale; never for a deadline."""
        ...


class Clock:
    """Runs on from the last answer of the store by a steady clock, so that a jump of this machine's moves nothing."""

    def __init__(self, ask: Callable[[], Awaitable[datetime]], *, scale: float = 1) -> None:
        self.scale = scale
        self._ask = ask
        self._base = datetime.now(UTC)
        self._steady = _steady()

    def now(self) -> datetime:
        return self._at(_steady())

    def _at(self, steady: float) -> datetime:
        return self._base + timedelta(seconds=steady - self._steady)

    def scaled(self, span: timedelta) -> timedelta:
        return span / self.scale

    @property
    def offset(self) -> timedelta:
        """The store's time less this machine's."""
        return self.now() - datetime.now(UTC)

    async def measure(self) -> timedelta:
        """Ask the store, taking half of the round trip for the way back; returns the offset.

        The answer may be off by that half. A clock that agrees with it as far as it can tell is not moved: else two
        processes of one machine would differ by as much as each of them waited for its answer.

        Raises `TimeoutError` if the answer took too long to say anything; the clock runs on as before then.
        """
        before = _steady()
        answer = await self._ask()
        after = _steady()
        if after - before > SLOW.total_seconds():
            raise TimeoutError("the store took too long to say what time it is")
        doubt = timedelta(seconds=(after - before) / 2)
        told = answer + doubt
        if abs(told - self._at(after)) > doubt + TICK:
            self._base, self._steady = told, after
        if abs(self.offset) > WARN:
            log.warning("clock_off", seconds=self.offset.total_seconds())
        return self.offset

    async def run(self, measured: Callable[[timedelta], None] = lambda _: None) -> None:
        """Measure again and again, until cancelled. While the store does not answer, the clock just runs on."""
        while True:
            try:
                measured(await self.measure())
            except Exception as error:  # noqa: BLE001  # whichever way the store fails, the clock does not
                log.warning("clock_not_measured", error=type(error).__name__)
            await asyncio.sleep(EVERY.total_seconds())

    async def check(self) -> None:
        """For readiness: raises `RuntimeError` if this machine's clock is too far from the store's."""
        if abs(self.offset) > REFUSE:
            raise RuntimeError(f"this machine's clock is {self.offset.total_seconds():+.0f} s from the store's")


class FixedClock:
    """A clock for tests that moves only by `advance`."""

    def __init__(self, now: datetime = datetime(2030, 1, 1, 12, tzinfo=UTC), *, scale: float = 1) -> None:
        self.scale = scale
        self._now = now

    def now(self) -> datetime:
        return self._now

    def scaled(self, span: timedelta) -> timedelta:
        return span / self.scale

    def advance(self, span: timedelta) -> None:
        self._now += span


def _steady() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock (Linux)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
