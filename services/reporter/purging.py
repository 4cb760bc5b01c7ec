"""Purges what is past its app's retention: what sends said and to whom, records, receipts, lists, events, interactions.

Reports stay. One reporter does so for all; a send that is purged twice is the same as one that is purged once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.reporter.again import again_and_again
from shared.flow.accept import purged
from shared.flow.report import own_report, settled
from shared.flow.send import Send
from shared.flow.timing import FOREVER, life
from shared.full_reports import line_of, of_parts
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store

EVERY: Final = timedelta(hours=1)
LEAST_EVERY: Final = timedelta(seconds=5)
"""Never scaled: so often at most."""
LEASE: Final = timedelta(minutes=5)
DUTY: Final = "purge"
BATCH: Final = 200
A_MOMENT: Final = timedelta(milliseconds=1)
AFTER_DEADLINE: Final = timedelta(hours=1)
"""A send is purged no sooner: until then something of it may still be on its way."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Purging:
    """Lives as long as the process. `owner` names this start of it."""

    store: Store
    clock: Time
    life: Life
    metrics: Metrics
    owner: str

    async def run(self) -> None:
        """Rounds until the process is asked to stop."""
        every = max(self.clock.scaled(EVERY), LEAST_EVERY)
        await again_and_again(self.life, every, DUTY, self.round)

    async def round(self) -> None:
        """Every app, for as long as the duty is ours."""
        for app in await self.store.apps.all():
            if not await self._mine():
                return
            await self._app(app.id)
            await self._nobodys(app.id)

    async def _app(self, app: str) -> None:
        cutoff = self.clock.now() - await self.store.apps.retention(app)
        since = await self.store.apps.purged_until(app)
        done, left = 0, cutoff
        while await self._mine():
            sends = await self.store.sends.past(app, since, cutoff, BATCH)
            kept = [send.accepted_at for send in sends if not await self._send(send)]
            done += len(sends) - len(kept)
            left = min([left, *kept])  # one whose deadline is far is looked at again the next time
            if len(sends) < BATCH:
                await self.store.apps.purge_on(app, left)
                break
            since = kept[-1] + A_MOMENT if len(kept) == len(sends) else since
        done += await self._scheduled(app, cutoff)
        if done:
            self.metrics.sends_purged.inc(done)
            log.info("purged", app=app, sends=done)

    async def _nobodys(self, app: str) -> None:
        """Devices that registered as their variant was removed; a variant is there before its devices are."""
        devices_of = await self.store.devices.variants(app)
        known = {one.id for one in await self.store.variants.all(app)}
        for variant in devices_of:
            if variant not in known:
                removed = await self.store.devices.delete_variant(app, variant)
                log.info("devices_of_no_variant_removed", app=app, variant=variant, devices=removed)

    async def _scheduled(self, app: str, cutoff: datetime) -> int:
        """How many were purged of those that may begin long after they were accepted."""
        done, kept, over = 0, 0, self.clock.now() - AFTER_DEADLINE
        while await self._mine():
            sends = await self.store.sends.scheduled_past(app, cutoff, over, kept, BATCH)
            for send in sends:
                if await self._send(send):
                    done += 1
                else:
                    kept += 1
            if len(sends) < BATCH:
                break
        return done

    async def _send(self, send: Send) -> bool:
        """Whether it was purged: it is over, and its report is kept."""
        if self.clock.now() < await self._over_at(send) + AFTER_DEADLINE or not await self._reported(send):
            return False
        store = self.store
        for forget in (store.receipts, store.events, store.interactions, store.lists, store.records):
            await forget.forget(send.key)
        await store.sends.purge(purged(send))
        return True

    async def _over_at(self, send: Send) -> datetime:
        """When nothing of it can be owed any more: of one that was repeated without an end, once the last send has."""
        if send.request.repeat is None or send.deadline < FOREVER:
            return send.deadline
        final = await self.store.reports.get(send.key)
        ended = final.finished_at if final is not None else None
        return ended + life(send.request) if ended is not None else send.deadline

    async def _reported(self, send: Send) -> bool:
        """Makes sure that the report is kept, with what devices told."""
        if send.problems:
            return True
        final = await self.store.reports.get(send.key)
        full = await self.store.reports.full(send.key)
        if final is None and send.small:
            parts = await self.store.records.of_send(send.key)
            if not settled(len(send.routes), parts):
                return False
            final = own_report(len(send.routes), send.accepted_at, parts)
            full = of_parts(line_of(send), final, parts, self.clock.now())
        if final is None or full is None or final.state != "finished":
            return False
        told = await self.store.interactions.of_send(send.key, send.since, final.total.delivered)
        if told.received or told.opened or told.dismissed or told.actions:
            full = full.model_copy(update={"interactions": told})
        await self.store.reports.keep(send.key, final, full, self.clock.now())
        return True

    async def _mine(self) -> bool:
        return not self.life.draining and await self.store.duties.take(DUTY, self.owner, self.clock.now(), LEASE)
