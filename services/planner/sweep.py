"""Finds in the store what is owed and nobody works on: publishes it again, with doubling, or closes it by counting.

Every accepted send is looked at once, when it is some seconds old. What is open then stays on the schedule until it has
all its records. So no lost queue, crash or dead letter leaves a send stuck.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from services.planner.looking import Looking
from shared.bus.errors import BusError
from shared.flow.report import settled
from shared.flow.send import Send
from shared.runtime.clock import Clock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.errors import StoreAway

EVERY: Final = timedelta(seconds=5)
DUE_EVERY: Final = timedelta(seconds=1)
"""How late a look may be: one read of the store, mostly of nothing."""
LEAST_AGE: Final = timedelta(seconds=5)
"""Never scaled: a send younger than this is most likely still on its way."""
LATE: Final = timedelta(minutes=2)
"""Never scaled: sends are looked at a second time at this age, for a store so slow that an insert took longer than the
first look waits. No insert is tried for longer than this."""
LEAST_WAIT: Final = timedelta(seconds=2)
"""Never scaled: what is on its way is not published a second time sooner."""
START: Final = timedelta(days=29)
"""How far back the first sweep of all looks; no send lives longer."""
PAGE: Final = 1000
LEASE: Final = timedelta(seconds=30)
"""How long one planner has for a look before another takes the send up."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweep:
    """Lives as long as the process; two of them share the work."""

    store: Store
    clock: Clock
    metrics: Metrics
    life: Life
    looking: Looking
    age: timedelta
    """How old a send is when it is looked at, before the time scale."""

    async def run(self) -> None:
        """Sweeps until the process is asked to stop."""
        first = max(self.clock.scaled(self.age), LEAST_AGE)
        swept_at = self.clock.now()
        while await self.life.pause(max(self.clock.scaled(DUE_EVERY), timedelta(milliseconds=500))):
            if self.clock.now() - swept_at >= self.clock.scaled(EVERY):
                swept_at = self.clock.now()
                await self._unharmed(lambda: self.accepted("accepted", first))
                await self._unharmed(lambda: self.accepted("late", LATE))
            await self._unharmed(self.scheduled)

    async def _unharmed(self, work: Callable[[], Awaitable[None]]) -> None:
        """What fails holds up nothing else."""
        try:
            await work()
        except (BusError, StoreAway) as error:
            log.warning("sweep_interrupted", error=type(error).__name__)
        except Exception:
            log.exception("sweep_failed")

    async def accepted(self, mark: str, age: timedelta) -> None:
        """Moves a watermark on over the sends that are so old by now; the open ones go on the schedule."""
        until = self.clock.now() - age
        while not self.life.draining:
            before = await self.store.sweeps.until(mark, until - START)
            page = await self.store.sends.accepted_between(before, until, PAGE)
            after = page_end([at for at, _ in page], until)
            sends = [send for at, send in page if send is not None and at <= after]
            for send in await self._unsettled(sends):
                await self.store.schedule.add(send, self.clock.now(), self.looking.patience)
                self.metrics.swept.labels("send").inc()
            if not await self.store.sweeps.move_on(mark, before, after) or after == until:
                return

    async def _unsettled(self, sends: list[Send]) -> list[Send]:
        """Those without all their records, or with a record whose result nobody heard."""
        small = [send for send in sends if send.small]
        parts = await self.store.records.of_sends(send.key for send in small)
        finished = {send.key for send in small if settled(len(send.routes), parts[send.key])}
        records = await self.store.records.ids_of_sends(finished)
        unheard = await self.store.heard.unheard({one for found in records.values() for one in found})
        done = {key for key in finished if not records[key] & unheard}
        done |= {send.key for send in sends if not send.small and await self.store.reports.is_told(send.key)}
        return [send for send in sends if send.key not in done]

    async def scheduled(self) -> None:
        """Looks at every send whose time has come."""
        while not self.life.draining:
            entry = await self.store.schedule.due(self.clock.now(), LEASE)
            if entry is None:
                return
            await self._unharmed(partial(self.looking.look, entry))


def page_end(moments: Sequence[datetime], until: datetime) -> datetime:
    """How far a page of sends reaches: all the way if it is not full, else short of its last moment, which may go on.

    A page of a single moment is all there is of it: more sends than a page in one millisecond are not accepted.
    """
    if len(moments) < PAGE:
        return until
    earlier = [moment for moment in moments if moment < moments[-1]]
    return earlier[-1] if earlier else moments[-1]
