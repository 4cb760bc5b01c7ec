"""Works slices to their end: claimed, every open chunk worked, the message acked last.

Small slices are worked as one, whatever messages brought them: one look-up, one record. A message that comes back, or
that meets a slice somebody works on, is taken apart: its slices are published alone, confirmed, then it is acked.

Long, because each way that a slice can end settles the same messages under the same claim.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

import structlog

from services.delivery.admitting import Admitting, Group, Message
from services.delivery.ahead import Ahead
from services.delivery.chunks import Chunks, Worked
from services.delivery.held import Held
from services.delivery.job import Job
from services.delivery.leases import Leases
from services.delivery.passing import Passing
from services.delivery.settling import ack, all_of, requeue, settling
from services.delivery.solitude import Solitude
from shared.bus.incoming import Incoming
from shared.flow.envelope import SliceDue
from shared.flow.lane import Lane
from shared.flow.suspicion import guilty, suspect
from shared.runtime.life import Life
from shared.store.claims import Suspected

OUT_OF_THE_WAY: Final = timedelta(seconds=1)
"""Never scaled: after so long what could not be worked by itself is tried again."""
LIMITED_SIDE_BY_SIDE: Final = 2
"""Chunks at once of a variant with a rate limit, of all its slices: one goes on where the other waits for answers."""
ALL: Final = 10_000
"""As many as there are; the process's permits bound them."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Slices:
    """Lives as long as the process; shared by all its messages."""

    life: Life
    admitting: Admitting
    leases: Leases
    passing: Passing
    chunks: Chunks
    solitude: Solitude
    limited: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    """The places of limited variants by lane, as long as slices of them are worked."""

    async def together(self, messages: Sequence[Message], lane: Lane) -> None:
        """Everything that these messages bring. Raises what went wrong with any of them, when all are done."""
        async with self.admitting.admitted(messages, lane) as groups:
            await all_of([work for group in groups for work in self._group(group, lane)])

    def _group(self, group: Group, lane: Lane) -> list[Coroutine[None, None, None]]:
        bundled: dict[str, Job] = {}
        bundle: list[Message] = []
        apart: list[Coroutine[None, None, None]] = []
        places = self._places(group.limited, lane)
        for message in group.messages:
            its = [one for due in message.slices for one in group.jobs[due.id] if one.within(due.chunks)]
            if self._may_be_bundled(message, its):
                bundle.append(message)
                bundled |= {one.member: one for one in its}
            else:
                apart.append(self._apart(message, its, lane, places))
        return [self._bundle(bundle, list(bundled.values()), lane), *apart]

    def _may_be_bundled(self, message: Message, jobs: Sequence[Job]) -> bool:
        return (
            not message.alone
            and not message.incoming.redelivered
            and all(one.parent is not None or one.send.small for one in jobs)
            and self.leases.table.find(one.member for one in jobs) is None
        )

    def _places(self, limited: str, lane: Lane) -> asyncio.Semaphore:
        if not limited:
            return asyncio.Semaphore(ALL)
        places = self.limited.get(f"{lane}.{limited}") or asyncio.Semaphore(LIMITED_SIDE_BY_SIDE)
        self.limited[f"{lane}.{limited}"] = places
        return places

    async def _apart(self, message: Message, jobs: list[Job], lane: Lane, places: asyncio.Semaphore) -> None:
        if len(message.slices) == 1:
            await self._slice(message.slices[0], jobs, message.incoming, lane, places)
        else:
            await self.passing.alone(message.slices, lane)
            await message.incoming.ack()

    async def _bundle(self, messages: Sequence[Message], jobs: list[Job], lane: Lane) -> None:
        slices = list({one.id: one for message in messages for one in message.slices}.values())
        if jobs:
            claiming = self.leases.take([one.member for one in jobs])
            held, ahead = await asyncio.gather(claiming, self.chunks.look_ahead(jobs))  # neither waits for the other
            if isinstance(held, Held):
                await self._work_bundle(held, slices, jobs, ahead, messages, lane)
                return
            await self.passing.alone(slices, lane, held if isinstance(held, datetime) else None)
        await ack([message.incoming for message in messages])

    async def _work_bundle(  # whose claim it is, what it is for, and what is known of it
        self, held: Held, slices: Sequence[SliceDue], jobs: list[Job], ahead: Ahead | None,
        messages: Sequence[Message], lane: Lane,
    ) -> None:  # fmt: skip
        async with settling(held):
            with self.leases.holding(held, *(message.incoming for message in messages)):
                worked = await self.chunks.work(jobs, lane, held, ahead)
            if worked is None:
                await self.leases.end(held)
                if self.life.draining:
                    await requeue(held.messages)
                    return
                await self.passing.alone(slices, lane)
            elif worked.later:
                await self._later(held, slices, worked.later, lane)
            await ack(held.messages)

    async def _later(self, held: Held, slices: Sequence[SliceDue], later: dict[str, datetime], lane: Lane) -> None:
        """Chunks were not recorded, as their variant is not to be sent for: their slices come again."""
        until = {member.rsplit("/", 1)[0]: moment for member, moment in later.items()}
        await self.leases.end(held)
        await self.passing.hold([one for one in slices if one.id in until], lane, until)

    async def _slice(
        self, due: SliceDue, jobs: list[Job], incoming: Incoming, lane: Lane, places: asyncio.Semaphore
    ) -> None:
        """One slice, or the one chunk of it that the message narrows it to."""
        members = [one.member for one in jobs]
        already = self.leases.table.find(members)
        if already is not None and set(members) <= set(already.claim.members):
            already.messages.append(incoming)
            return
        if already is not None:  # it stands for more than will be worked there
            await self.passing.past(due, lane, already.until)
            await incoming.ack()
            return
        if jobs:
            held = await self.leases.take(members, suspected=due.chunks is not None, one_by_one=True)
            if isinstance(held, datetime):
                await self.passing.past(due, lane, held)
            elif not isinstance(held, Held) or (suspect(held.claim.takeovers) and len(jobs) > 1):
                await self._take_apart(held, due, jobs, lane)
            elif suspect(held.claim.takeovers):
                await self._suspect(held, due, jobs[0], incoming, lane)
                return
            else:
                await self._work(held, due, jobs, incoming, lane, places)
                return
        await incoming.ack()

    async def _work(
        self, held: Held, due: SliceDue, jobs: list[Job], incoming: Incoming, lane: Lane, places: asyncio.Semaphore
    ) -> None:
        """Every open chunk, several at once. A lost claim or a lost insert stops the slice: a copy goes to wait."""
        async with settling(held):
            with self.leases.holding(held, incoming):
                results = await all_of(self._chunk(one, lane, held, places) for one in jobs)
            await self._worked(held, due, results, lane)

    async def _worked(self, held: Held, due: SliceDue, results: Sequence[Worked | None], lane: Lane) -> None:
        unfinished = any(result is None for result in results)
        if unfinished or any(result and result.lost for result in results):
            await self.leases.end(held)
            if unfinished and self.life.draining:
                await requeue(held.messages)
                return
            await self.passing.past(due, lane, held.until)
        elif later := {member: moment for one in results if one for member, moment in one.later.items()}:
            await self._later(held, [due], later, lane)
        await ack(held.messages)

    async def _chunk(self, one: Job, lane: Lane, held: Held, places: asyncio.Semaphore) -> Worked | None:
        async with places:
            worked = await self.chunks.work([one], lane, held)
        held.lost = held.lost or bool(worked and worked.lost)
        return worked

    async def _take_apart(self, held: Held | Suspected, due: SliceDue, jobs: list[Job], lane: Lane) -> None:
        """A slice that kills its workers goes on chunk by chunk."""
        log.error("slice_taken_apart", slice=due.id, chunks=len(jobs))
        if isinstance(held, Held):
            await self.leases.end(held)
        alone = [SliceDue(id=due.id, chunks=(int(one.member.rsplit("/", 1)[1]),)) for one in jobs]
        await self.passing.alone(alone, lane)

    async def _suspect(self, held: Held, due: SliceDue, one: Job, incoming: Incoming, lane: Lane) -> None:
        """A chunk that may be what kills its workers: by itself, so that a death shows it; closed once it has."""
        if guilty(held.claim.alone, held.claim.elsewhere):
            log.error("poison", member=one.member, takeovers=held.claim.takeovers, alone=held.claim.alone)
            await self.chunks.close_as_poison(one, lane)
            await incoming.ack()
            return
        async with settling(held):
            with self.leases.holding(held, incoming):
                async with self.solitude.alone() as alone:
                    if alone:
                        await self.leases.alone(held)
                        results = [await self.chunks.work([one], lane, held)]
            if alone:
                await self._worked(held, due, results, lane)
                return
            await self.leases.end(held)
            await self.passing.past(due, lane, self.leases.clock.now() + OUT_OF_THE_WAY)
            await ack(held.messages)
