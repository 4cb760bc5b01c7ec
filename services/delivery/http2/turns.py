"""Who may write in a loop turn, in which order and for how long: `now` before `bulk`, about 2 ms in all."""

import asyncio
from time import perf_counter
from typing import Final, Protocol

from shared.flow.lane import Lane

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
        self._called = False

    def ask(self, writer: Writer) -> None:
        """It wants to write, soon."""
        self._wanting[writer] = None
        if not self._called:
            self._called = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._called = False
        wanting, self._wanting = self._wanting, {}
        until = perf_counter() + A_TURN
        unserved: list[Writer] = []
        served: list[Writer] = []
        for lane in (Lane.NOW, Lane.BULK):
            for writer in wanting:
                had_time = perf_counter() < until
                if writer.write(lane, until):
                    (served if had_time else unserved).append(writer)
        for writer in wanting:
            writer.flush()
        for writer in (*unserved, *served):
            self.ask(writer)
