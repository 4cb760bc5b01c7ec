"""Follows the few requests that a chunk was closed without; records their outcomes as the retry that they are owed as.

A chunk that only waits for its last answers would keep its place from others for as long as a request may take. So it
is recorded with those devices owed, as the retry `<member>~<step>`, due when their requests surely have ended. If this
process lives, it has recorded that retry long before, and whoever is brought it then finds it closed; if it dies, the
retry is worked like any other after an unknown outcome.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from services.delivery.attempt import Attempts
from services.delivery.closing import Closer
from services.delivery.leftovers import Leftover
from services.delivery.transport.contract import Results
from shared.flow.record import AWAITED, Part
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics

PART_OF_THE_DRAIN: Final = 0.5
"""Of what is left of it: for answers that come late. What has none by then is owed as it is."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What following stands on."""

    platform: str
    attempts: Attempts
    closer: Closer
    clock: Time
    metrics: Metrics
    life: Life
    scale: float


@dataclass(frozen=True, slots=True)
class Stragglers:
    """Lives as long as the process; shared by all its chunks; `open_stragglers` ends it."""

    on: Wiring
    group: asyncio.TaskGroup
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def follow(self, parts: Iterable[Part]) -> None:
        """These are recorded, by us: what they owe under AWAITED is ours to end."""
        waiting = self.on.attempts.leftovers.waiting
        if not waiting:
            return
        for part in parts:
            one = waiting.pop(part.member, None)
            step = next((debt.step for debt in part.owed if debt.reason == AWAITED), None)
            if one is not None and step is not None:
                task = self.group.create_task(self._follow(one, step))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    def forget(self, members: Iterable[str]) -> None:
        """These are not recorded, or by somebody else."""
        for member in members:
            self.on.attempts.leftovers.waiting.pop(member, None)

    async def settled(self) -> None:
        """At the end of the process: waits for late answers as long as the drain allows."""
        if self.tasks:
            log.info("answers_awaited", chunks=len(self.tasks))
            await asyncio.wait(self.tasks, timeout=self.on.life.remaining.total_seconds() * PART_OF_THE_DRAIN)

    async def _follow(self, one: Leftover, step: int) -> None:
        gauge = self.on.metrics.stragglers.labels(self.on.platform)
        gauge.inc(len(one.devices))
        try:
            await self._record(one, await one.later, step)
        except Exception:
            log.exception("stragglers_not_recorded", member=one.job.member)
        finally:
            gauge.dec(len(one.devices))

    async def _record(self, one: Leftover, ended: Results, step: int) -> None:
        flight = one.flight(step, self.on.clock.now(), self.on.scale)
        self.on.attempts.late(flight, one.renumbered(ended), one.sent_at)
        closed = await self.on.closer.close([flight.tally.part()])
        await self.on.closer.derive(closed, {one.job.send.key: one.job.send}, one.job.send.lane)


@asynccontextmanager
async def open_stragglers(on: Wiring) -> AsyncIterator[Stragglers]:
    """Ends with what it follows: the retries do what is left."""
    async with asyncio.TaskGroup() as group:
        stragglers = Stragglers(on, group)
        try:
            yield stragglers
        finally:
            for task in tuple(stragglers.tasks):
                task.cancel()
