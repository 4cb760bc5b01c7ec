"""Sends flights through the transport; those of a variant with a rate limit in portions, each at its time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from services.delivery.closing import patiently
from services.delivery.flight import Flight
from services.delivery.transport.contract import Leaving, Results, Transport
from shared.flow.lane import Lane
from shared.flow.limiting import portion
from shared.flow.verdict import NotProcessed
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.store.connection import Store

NOT_SENT: Final = NotProcessed("not_sent")
"""Its turn under the limit did not come: the deadline or the end of the process did."""

Share = dict[Flight, list[int]]
"""Some requests of some flights, by their numbers."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """Lives as long as the process; shared by all its chunks."""

    transport: Transport
    store: Store
    clock: Time
    life: Life
    leaving: Leaving | None = None
    """The same transport, if it lets a sender go on without the last few."""
    turns: defaultdict[tuple[str, Lane], asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def send(self, flights: Sequence[Flight], *, may_leave: bool = False) -> list[Results]:
        """The results of each flight, in order. Without a limit this is the transport, and costs nothing.

        `may_leave`: a few requests may still be open then.
        """
        limited: dict[str, list[Flight]] = defaultdict(list)
        for flight in flights:
            if flight.variant.variant.rate_limit is not None:
                limited[flight.variant.variant.id].append(flight)
        if not limited and may_leave and self.leaving is not None:
            return await self.leaving.send_most([flight.parcel() for flight in flights])
        if not limited:
            return await self.transport.send([flight.parcel() for flight in flights])
        free = [flight for flight in flights if flight.variant.variant.rate_limit is None]
        results = {flight: Results() for flight in flights}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._all_of(free, results))
            for some in limited.values():
                tasks.create_task(self._paced(some, results))
        return [results[flight] for flight in flights]

    async def _all_of(self, flights: list[Flight], results: dict[Flight, Results]) -> None:
        sent = await self.transport.send([flight.parcel() for flight in flights]) if flights else []
        results.update(zip(flights, sent, strict=True))

    async def _paced(self, flights: list[Flight], results: dict[Flight, Results]) -> None:
        """A portion is sent while the next one is leased: answers that take their time cost no permits."""
        variant, lane = flights[0].variant.variant, flights[0].tally.job.send.lane
        rate = variant.rate_limit or 1.0
        async with asyncio.TaskGroup() as tasks:
            for share in _shares(flights, portion(rate)):
                if await self._wait(variant.id, lane, sum(len(numbers) for numbers in share.values()), rate):
                    tasks.create_task(self._part(share, results))
                else:
                    _not_sent(share, results)

    async def _wait(self, variant: str, lane: Lane, count: int, rate: float) -> bool:
        """Until so many may go; False if the process is asked to stop, now or meanwhile."""
        async with self.turns[variant, lane]:  # one lease a process: more would be lost with it, and gain nothing
            if self.life.draining:
                return False
            ahead = await patiently(lambda: self.store.permits.lease(variant, lane, count, rate))
            return await self.life.pause(ahead) if ahead else True

    async def _part(self, share: Share, results: dict[Flight, Results]) -> None:
        now = self.clock.now()
        late = {flight: share[flight] for flight in share if now >= flight.tally.job.send.deadline}
        _not_sent(late, results)
        going = {flight: share[flight] for flight in share if flight not in late}
        parcels = [replace(f.parcel(), requests=f.requests.pick(numbers)) for f, numbers in going.items()]
        for (flight, numbers), result in zip(going.items(), await self.transport.send(parcels), strict=True):
            whole = results[flight]
            whole.ok += result.ok
            whole.others += [(numbers[n], outcome) for n, outcome in result.others]
            whole.kept |= {numbers[n]: body for n, body in result.kept.items()}
            whole.latency = [one + more for one, more in zip(whole.latency, result.latency, strict=True)]


def _shares(flights: Sequence[Flight], size: int) -> Iterator[Share]:
    """All requests of all flights, so many at a time."""
    numbered = ((flight, number) for flight in flights for number in range(flight.requests.count))
    while some := list(islice(numbered, size)):
        share: dict[Flight, list[int]] = defaultdict(list)
        for flight, number in some:
            share[flight].append(number)
        yield share


def _not_sent(share: Share, results: dict[Flight, Results]) -> None:
    for flight, numbers in share.items():
        results[flight].others += [(number, NOT_SENT) for number in numbers]
