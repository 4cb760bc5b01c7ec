"""Wakes who works what was stored, and asks the broker again and again while it does not confirm."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final

import structlog

from services.ingest.admission import Admission
from services.ingest.started import Started
from shared.bus.connection import Bus
from shared.bus.errors import BusError, NotConfirmed
from shared.flow.lane import Lane
from shared.flow.send import Send
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import NONE, carrying
from shared.waking import Waking, own_platforms

PROBE_EVERY: Final = timedelta(seconds=1)
NO_MORE: Final[Mapping[str, Sequence[str]]] = {}

log = structlog.get_logger()


class Announcer:
    """Lives as long as the process."""

    def __init__(self, bus: Bus, admission: Admission, metrics: Metrics, *, traced: bool = False) -> None:
        self._traced = traced
        self._bus = bus
        self._waking = Waking(bus, metrics)
        self._admission = admission
        self._metrics = metrics

    async def announce(self, lane: Lane, sends: Sequence[Send], known: Collection[str] = ()) -> None:
        """One bundle. Returns whether confirmed or not; an empty one is only a question.

        Those that were `known` before go by a planner, who asks the store how they stand now.
        """
        traces = {one.key: one.trace for one in sends if one.trace} if self._traced else NONE
        try:
            with carrying(traces):
                await self._announce(lane, sends, known)
        except BusError as error:
            if not isinstance(error, NotConfirmed):  # else the bus has counted it
                self._metrics.publish_unconfirmed.labels("unroutable").inc()
            log.warning("sends_not_announced", lane=lane, sends=len(sends), error=str(error))

    async def _announce(self, lane: Lane, sends: Sequence[Send], known: Collection[str]) -> None:
        """Slices whose queue takes none go by a planner, so that what one platform suffers from shuts no door."""
        fresh = sends if not known else [one for one in sends if one.key not in known]
        small, left = own_platforms(fresh), NO_MORE
        if small:
            with self._admission.waiting():
                left = await self._waking.small(lane, small)
        rest = [one.key for one in sends if one.key not in small]
        with self._admission.publishing():
            if rest or left or not sends:
                await self._waking.planner(lane, rest, left)

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
