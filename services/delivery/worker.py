"""Takes messages of slices off the bus, of both lanes, and keeps the claims on them alive, until asked to stop."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from services.delivery.admitting import Message
from services.delivery.slices import Slices
from shared.bus.bundle import Grouper, open_grouper
from shared.bus.incoming import Incoming
from shared.bus.topology import slices_queue
from shared.flow.envelope import SlicesDue
from shared.flow.lane import Lane
from shared.in_force import InForce
from shared.runtime.express import express
from shared.runtime.metrics import Metrics
from shared.taking import Handler, Source, Taking, read

PREFETCH: Final = {Lane.NOW: 32, Lane.BULK: 4}
"""Messages in hand by lane. A slice is some seconds of work; more would only keep them from other workers. Messages of
the lane `now` are small, and what waits for the same turn is worked together."""

STAGGER: Final = timedelta(milliseconds=30)
"""A bundle that is not full waits for the one before it, at most this long: side by side each would be smaller and all
slower. Measured at 500 sends a second: each store operation took 7 ms in place of 2."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One process's hold on its platform's queues."""

    platform: str
    metrics: Metrics
    taking: Taking
    slices: Slices
    turns: int
    """Bundles of the lane `now` that are worked at once; what comes while all are makes up the next one."""
    orders: InForce

    async def run(self) -> None:
        """Works until asked to stop, then finishes the chunks in flight and gives back the rest."""
        with express():
            async with open_grouper(self._together, linger=timedelta(), in_flight=self.turns, stagger=STAGGER) as now:
                with express(goes_first=False):
                    await self._take(now)
        await self.slices.chunks.settled()

    async def _take(self, now: Grouper[Message, None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            with express():  # little work, and claims must not run out while much is ready
                endless = [tasks.create_task(self.slices.leases.renew()), tasks.create_task(self.orders.run())]
            handlers: dict[Lane, Handler] = {Lane.NOW: partial(self._now, grouper=now), Lane.BULK: self._bulk}
            sources = [
                Source(slices_queue(self.platform, lane), PREFETCH[lane], handle, first=lane is Lane.NOW)
                for lane, handle in handlers.items()
            ]
            await self.taking.run(sources)
            for task in endless:
                task.cancel()

    async def _now(self, incoming: Incoming, grouper: Grouper[Message, None]) -> None:
        await grouper.put(_message(incoming))

    async def _together(self, messages: list[Message]) -> list[None]:
        await self.slices.together(messages, Lane.NOW)
        self._done(messages, Lane.NOW)
        return [None] * len(messages)

    async def _bulk(self, incoming: Incoming) -> None:
        message = _message(incoming)
        await self.slices.together([message], Lane.BULK)
        self._done([message], Lane.BULK)

    def _done(self, messages: Sequence[Message], lane: Lane) -> None:
        self.metrics.slices_done.labels(self.platform, lane).inc(sum(len(one.slices) for one in messages))


def _message(incoming: Incoming) -> Message:
    due = read(SlicesDue, incoming)
    return Message(due.slices, due.alone, incoming)
