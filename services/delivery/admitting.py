"""Opens what messages bring and lets in what may be worked now; the rest goes back to wait on the bus."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from services.delivery.catalog import Catalog
from services.delivery.gate import Entry, Gate
from services.delivery.job import Job
from services.delivery.opening import open_jobs
from services.delivery.passing import Passing
from shared.bus.incoming import Incoming
from shared.flow.envelope import SliceDue
from shared.flow.lane import Lane
from shared.store.connection import Store


@dataclass(frozen=True, slots=True)
class Message:
    """What one message asks for. `alone`: it was taken apart before."""

    slices: Sequence[SliceDue]
    alone: bool
    incoming: Incoming


@dataclass(slots=True)
class Group:
    """Messages that may be worked together, and what they bring, by slice. `limited`: their variant, if it is."""

    limited: str
    messages: list[Message] = field(default_factory=list)
    jobs: dict[str, list[Job]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admitting:
    """Lives as long as the process; shared by all its messages."""

    store: Store
    catalog: Catalog
    gate: Gate
    passing: Passing

    @asynccontextmanager
    async def admitted(self, messages: Sequence[Message], lane: Lane) -> AsyncIterator[list[Group]]:
        """The messages in groups, without what waits; those that bring nothing any more are there, to be acked."""
        jobs = await open_jobs([one for message in messages for one in message.slices], self.catalog, self.store)
        by_slice: dict[str, list[Job]] = defaultdict(list)
        for one in jobs:
            by_slice[one.member.rsplit("/", 1)[0]].append(one)
        entry = await self.gate.look(jobs, lane)
        groups: dict[str, Group] = {}
        with self.gate.turn(entry, lane):
            for message in messages:
                some = entry.held or entry.limited or entry.dropped
                going = await self._without(message, entry, lane) if some else message
                variant = entry.limited.get(going.slices[0].id, "") if going.slices else ""
                group = groups.setdefault(variant, Group(limited=variant))
                group.messages.append(going)
                group.jobs.update((due.id, by_slice[due.id]) for due in going.slices)
            yield list(groups.values())

    async def _without(self, message: Message, entry: Entry, lane: Lane) -> Message:
        """The message without what waits, and of one kind: a limited variant's slices would keep the others."""
        await self.passing.hold([one for one in message.slices if one.id in entry.held], lane, entry.held)
        kinds: dict[str, list[SliceDue]] = defaultdict(list)
        for one in message.slices:
            if one.id not in entry.held and one.id not in entry.dropped:
                kinds[entry.limited.get(one.id, "")].append(one)
        stays = min(kinds, default="")
        for variant, some in kinds.items():
            if variant != stays:
                await self.passing.together(some, lane)
        return replace(message, slices=kinds[stays])
