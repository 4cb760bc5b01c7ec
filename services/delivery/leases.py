"""Claims as this process holds them: taken before work, renewed all in one go, handed back on drain."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.delivery.held import Held, Table
from shared.bus.incoming import Incoming
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.store.claims import HeldByAnother, Suspected
from shared.store.connection import Store
from shared.store.errors import StoreAway

TOGETHER: Final = 5
"""Chunks of a slice that are said to be begun at a time: half a slice, so two writes for 5,000 devices."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Leases:
    """Lives as long as the process; shared by all its slices."""

    platform: str
    store: Store
    clock: Clock
    metrics: Metrics
    owner: str
    length: timedelta
    table: Table

    async def take(
        self, chunks: Sequence[str], *, suspected: bool = False, one_by_one: bool = False
    ) -> Held | Suspected | datetime:
        """These chunks under one claim of ours, or until when somebody else has (one of) them.

        `suspected`: their slice killed its workers. Who had them before may have closed some after we looked which are
        open: then they are to be looked at again. `one_by_one`: `begin` is called before each.
        """
        now = self.clock.now()
        taken = await self.store.claims.take(
            chunks, self.owner, now, now + self.length, suspected=suspected, one_by_one=one_by_one
        )
        if isinstance(taken, HeldByAnother):
            return taken.until
        if isinstance(taken, Suspected):
            return taken
        held = Held(taken, now + self.length, one_by_one=one_by_one)
        if taken.inherited and await self.store.records.closed(chunks):
            await self.end(held)
            return now
        return held

    async def alone(self, held: Held) -> None:
        """Notes that from now on this process works nothing else, before it does."""
        await self.store.claims.work_alone(self.owner, held.claim.id)
        held.alone = True

    async def begin(self, held: Held, chunk: str) -> bool:
        """Whether this chunk may be sent: the store knows that it may have been, whatever happens to us now.

        Told of some chunks at a time: of a slice that only waits for its turn, nobody needs to doubt anything.
        """
        if not held.one_by_one:
            return True
        some = held.next_to(chunk, TOGETHER)
        async with held.telling:
            if not held.lost and some[0] not in held.begun:
                held.lost = not await self.store.claims.begin(self.owner, held.claim.id, some)
                held.begun.add(some[0])
        return not held.lost

    @contextlib.contextmanager
    def holding(self, held: Held, *messages: Incoming) -> Iterator[None]:
        """While inside, another message for these chunks waits and is acked with the first ones."""
        held.messages += messages
        self.table.add(held)
        try:
            yield
        finally:
            self.table.remove(held)

    async def end(self, held: Held) -> None:
        """Ends a claim before its time, so that others need not wait for the lease; this does not count as a death."""
        with contextlib.suppress(StoreAway):
            await self.store.claims.hand_back(self.owner, [held.claim.id], self.clock.now())

    async def renew(self) -> None:
        """Prolongs every claim well before its end, until cancelled; one that is no longer ours stops its slice."""
        while True:
            await asyncio.sleep(self.length.total_seconds() / 3)
            held = self.table.all()
            if held:
                await self._renew(held)

    async def _renew(self, held: list[Held]) -> None:
        until = self.clock.now() + self.length
        try:
            gone = await self.store.claims.renew(self.owner, [one.claim.id for one in held], until)
        except StoreAway as error:
            log.warning("claims_not_renewed", error=type(error).__name__)
            return
        for one in held:
            one.lost = one.lost or one.claim.id in gone
            if not one.lost:
                one.until = until
        self.metrics.claims_lost.labels(self.platform).inc(len(gone))
