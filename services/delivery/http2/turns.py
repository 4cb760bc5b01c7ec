"""Who may write in a loop turn, in which order and for how long: `now` before `bulk`, about 2 ms in all."""

import asyncio
from time import perf_counter
from typing import Final, Protocol

from shared.flow.lane import Lane
from shared.runtime.express import express_context

A_TURN: Final = 0.002
"""Seconds of building in one loop turn, so that whatever else the loop serves is not kept waiting."""


class Writer(Protocol):
    """What has requests to write."""

    def write(self, lane: Lane, until: float) -> bool:
        """Builds frames until that time (`perf_counter`); True if it could go on."""
        ...

    def flush(self) -> None:
        """Hands what was built to the sockets."""
        ...


class Turns:
    """One per engine. All writing happens here, so that a connection has one write a turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wanting: dict[Writer, None] = {}
        self._called: asyncio.Handle | None = None
        self._lane = Lane.BULK
        self._contexts = {lane: express_context(goes_first=lane is Lane.NOW) for lane in Lane}

    def ask(self, writer: Writer, lane: Lane) -> None:
        """It wants to write, soon: requests of this lane, and perhaps of others after them."""
        self._wanting[writer] = None
        if self._called is not None and lane is Lane.NOW and self._lane is not Lane.NOW:
            self._called.cancel()
            self._called = None
        if self._called is None:
            self._lane = lane
            self._called = self._loop.call_soon(self._turn, context=self._contexts[lane])

    def _turn(self) -> None:
        """One that `now` asked for builds and sends nothing else: bulk has its turn after it."""
        self._called = None
        lanes = (Lane.NOW,) if self._lane is Lane.NOW else (Lane.NOW, Lane.BULK)
        wanting, self._wanting = self._wanting, {}
        until = perf_counter() + A_TURN
        unserved: list[tuple[Writer, Lane]] = []
        served: list[tuple[Writer, Lane]] = []
        for lane in lanes:
            for writer in wanting:
                had_time = perf_counter() < until
                if writer.write(lane, until):
                    (served if had_time else unserved).append((writer, lane))
        for writer in wanting:
            writer.flush()
        for writer, lane in (*unserved, *served):
            self.ask(writer, lane)
        if Lane.BULK not in lanes:
            for writer in wanting:
                self.ask(writer, Lane.BULK)
