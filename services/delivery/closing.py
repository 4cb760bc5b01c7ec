"""Closes chunks: the record first, by one insert; then what is derived from it, which may be repeated or get lost.

Answers in ─▶ record (majority) ─▶ retries and result published ─▶ the worker acks.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Final, TypeVar

import structlog

from services.delivery.conflicts import conflicting
from services.delivery.measuring import ends_of, times_of, waited_for
from services.delivery.tally import members_of
from shared.bus.connection import Bus
from shared.bus.delay import step_past, wait_queue
from shared.bus.errors import BusError
from shared.bus.topology import DEFAULT, RESULTS, results_key, slices_queue
from shared.flow.envelope import ChunksDone, SliceDue, SlicesDue, SmallSend
from shared.flow.identity import retry_slice_id
from shared.flow.lane import Lane
from shared.flow.record import Part, Record
from shared.flow.send import Send
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import header
from shared.store.connection import Store
from shared.store.errors import Lost, StoreAway, is_outage

PATIENCE: Final = (0.1, 0.2, 0.5, 1, 2, 5)
"""Seconds between tries while the store is away; what was sent must not be forgotten, so the tries never end."""
RETRIES_IN_A_MESSAGE: Final = 100
REMEMBERED: Final = 1000

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What closing stands on."""

    store: Store
    bus: Bus
    clock: Clock
    metrics: Metrics
    scale: float


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of parts: the members that others had closed first, and our records."""

    lost: set[str]
    records: Sequence[Sequence[Part]]


class Closer:
    """Lives as long as the process; shared by all its chunks."""

    def __init__(self, wiring: Wiring) -> None:
        self._on = wiring
        self._reminded: dict[str, datetime] = {}

    async def close(self, parts: Sequence[Part]) -> Closed:
        """Records these parts together; those of a bundle that lost a member, one by one."""
        try:
            await self._insert(parts)
        except Lost as conflict:
            await self._conflicts([part for part in parts if part.member in conflict.members])
            left = [part for part in parts if part.member not in conflict.members]
            ours = [part for part in left if await self._alone(part)]
            return Closed({part.member for part in parts} - {part.member for part in ours}, [[part] for part in ours])
        return Closed(set(), [parts])

    async def derive(self, closed: Closed, sends: dict[str, Send], lane: Lane) -> None:
        """Publishes what follows from the records that are ours."""
        for parts in closed.records:
            await self._derive(parts, sends, lane)

    async def _alone(self, part: Part) -> bool:
        try:
            await self._insert([part])
        except Lost:
            await self._conflicts([part])
            return False
        return True

    async def _insert(self, parts: Sequence[Part]) -> None:
        by, now = token_hex(8), self._on.clock.now  # dated at each try: no record appears long after its time
        kept = [part.receipts for part in parts if part.receipts is not None]
        if kept:  # first: where there is the record, there are its receipts
            await patiently(lambda: self._on.store.receipts.insert(parts[0].member, by, now(), kept))
        await patiently(
            lambda: self._on.store.records.insert(Record(id=parts[0].member, by=by, at=now(), parts=tuple(parts)))
        )
        self._count(parts)

    async def _derive(self, parts: Sequence[Part], sends: dict[str, Send], lane: Lane) -> None:
        """Retries and the result. What fails here does not hold the ack: the sweep derives it again."""
        by_send = {part.send: sends[part.send] for part in parts}
        done = ChunksDone(
            lane=lane,
            record=parts[0].member,
            members=members_of(parts),
            small=_small(by_send.values()),
        )
        try:
            await self._retries(parts, by_send, lane)
            await self._on.bus.publish(
                RESULTS, results_key(lane, parts[0].app), done.model_dump_json().encode(), headers=header()
            )
            await self._on.store.caps.give_back([place for part in parts for place in part.unused])
        except (BusError, StoreAway) as error:
            log.warning("derived_later", record=done.record, error=str(error))

    async def _retries(self, parts: Sequence[Part], sends: dict[str, Send], lane: Lane) -> None:
        due: dict[str, list[SliceDue]] = defaultdict(list)
        stored: dict[str, datetime] = {}
        now = self._on.clock.now()
        for part in parts:
            for debt in part.owed:
                step = step_past(debt.due - now, self._on.scale)
                if debt.stored or step is None:
                    stored[part.send] = min(debt.due, stored.get(part.send, debt.due))
                else:
                    queue = wait_queue(slices_queue(part.platform, lane), step)
                    due[queue].append(SliceDue(id=retry_slice_id(part.member, debt.step)))
        for key, at in stored.items():
            await self._remind(sends[key], at, now)
        for queue, slices in due.items():
            for start in range(0, len(slices), RETRIES_IN_A_MESSAGE):
                some = SlicesDue(slices=tuple(slices[start : start + RETRIES_IN_A_MESSAGE]))
                body = some.model_dump_json(exclude_defaults=True).encode()
                await self._on.bus.publish(DEFAULT, queue, body, headers=header())

    async def _remind(self, send: Send, at: datetime, now: datetime) -> None:
        """The sweep looks at the send by then. Whole time zones are due at once: the same moment is asked for once."""
        if self._reminded.get(send.key) == at > now:
            return
        await self._on.store.schedule.check_by(send, at, at - now)
        if len(self._reminded) >= REMEMBERED:
            self._reminded.clear()
        self._reminded[send.key] = at

    def _count(self, parts: Sequence[Part]) -> None:
        """Summed first: a bundle has a hundred parts, and they mostly end the same way."""
        chunks = Counter(part.platform for part in parts)
        for platform, n in chunks.items():
            self._on.metrics.chunks.labels(platform).inc(n)
        for labels, n in ends_of(parts).items():
            self._on.metrics.notifications.labels(*labels).inc(n)
        platform, lane = parts[0].platform, parts[0].lane or ""  # a record has one of each
        self._on.metrics.answer_seconds.labels(platform, lane).observe(times_of(parts))
        waited = waited_for(parts)
        if waited is not None:
            self._on.metrics.delivery_seconds.labels(platform, lane).observe(waited)

    async def _conflicts(self, ours: Sequence[Part]) -> None:
        """Counts devices that ended one way here and another way in the record that won."""
        for part in ours:
            self._on.metrics.records_lost.labels(part.platform).inc()
        theirs = await patiently(lambda: self._on.store.records.parts([part.member for part in ours]))
        for part in ours:
            winner = theirs.get(part.member)
            if winner is not None and not winner.closing and not part.closing:
                conflicts = conflicting(part, winner)
                self._on.metrics.chunk_conflicts.inc(conflicts)
                if conflicts:
                    log.warning("chunk_conflict", member=part.member, devices=conflicts)


def _small(sends: Collection[Send]) -> tuple[SmallSend, ...]:
    if not all(send.small for send in sends):
        return ()
    return tuple(SmallSend(key=one.key, routes=len(one.routes), accepted_at=one.accepted_at) for one in sends)


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Does it as soon as the store is there; only cancelling ends the tries."""
    tries = 0
    while True:
        try:
            return await work()
        except StoreAway as error:
            if not is_outage(error):
                raise
            log.warning("store_away", error=type(error).__name__)
            await asyncio.sleep(PATIENCE[min(tries, len(PATIENCE) - 1)])
            tries += 1
