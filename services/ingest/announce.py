"""Tells the planner of what was stored, and asks the broker again and again while it does not confirm."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from services.ingest.admission import Admission
from services.ingest.started import Started
from shared.bus.connection import Bus
from shared.bus.errors import BusError, NotConfirmed
from shared.bus.topology import DEFAULT, sends_queue
from shared.flow.envelope import SendsDue
from shared.flow.lane import Lane
from shared.flow.send import Send
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import header

PROBE_EVERY: Final = timedelta(seconds=1)
CONFIRM_WITHIN: Final = timedelta(seconds=5)

log = structlog.get_logger()


class Announcer:
    """Lives as long as the process."""

    def __init__(self, bus: Bus, admission: Admission, metrics: Metrics, *, traced: bool = False) -> None:
        self._traced = traced
        self._bus = bus
        self._admission = admission
        self._metrics = metrics

    async def announce(self, lane: Lane, sends: Sequence[Send]) -> None:
        """One bundle. Returns whether confirmed or not; an empty one is only a question."""
        small = {one.key: tuple(route.platform for route in one.routes) for one in sends if one.goes_at_once}
        due = SendsDue(sends=tuple(one.key for one in sends if not one.goes_at_once), small=small)
        body = due.model_dump_json(exclude_defaults=True).encode()
        headers = header({one.key: one.trace for one in sends if one.trace}) if self._traced else None
        try:
            with self._admission.publishing():
                await self._bus.publish(
                    DEFAULT, sends_queue(lane), body, headers=headers, timeout=CONFIRM_WITHIN.total_seconds()
                )
        except BusError as error:
            if not isinstance(error, NotConfirmed):  # else the bus has counted it
                self._metrics.publish_unconfirmed.labels("unroutable").inc()
            log.warning("sends_not_announced", lane=lane, sends=len(sends), error=str(error))

    async def reopen(self, started: Started) -> None:
        """Asks until the broker confirms, whenever it did not; runs until cancelled."""
        await started.wait()
        while True:
            if not self._admission.confirmed:
                for lane in Lane:
                    await self.announce(lane, ())
            self._metrics.broker_blocked.set(self._bus.blocked)
            self._metrics.ingest_open.set(self._admission.shut() is None)
            await asyncio.sleep(PROBE_EVERY.total_seconds())
