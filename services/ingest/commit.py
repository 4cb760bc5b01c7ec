"""The group commit: sends that come together are stored by one insert and announced by one message for each lane.

A send counts as accepted when the store holds it with majority. The announcement follows; should the broker never
confirm it, the sweep finds the send in the store, and no further send is accepted until the broker confirms again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from services.ingest.announce import Announcer
from services.ingest.started import Started
from shared.bus.bundle import Grouper, open_grouper
from shared.flow.lane import Lane
from shared.flow.send import Send
from shared.runtime.metrics import Metrics
from shared.store.sends import Sends

LONGEST: Final = timedelta(milliseconds=12)
"""A request alone waits for 2 ms; while others keep coming, it waits for them at most this long, or for the insert
before it. Only full groups are inserted at the same time."""


class Commit:
    """Made by `open_commit`."""

    def __init__(self, grouper: Grouper[Send, bool]) -> None:
        self._grouper = grouper

    async def put(self, send: Send) -> bool:
        """Returns when the store holds the send: whether it did before. Raises what the store raises: then the outcome
        is unknown.
        """
        return await self._grouper.put(send)


@asynccontextmanager
async def open_commit(sends: Sends, announcer: Announcer, metrics: Metrics, started: Started) -> AsyncIterator[Commit]:
    """Leaving stores and announces what was put."""
    async with asyncio.TaskGroup() as tasks:

        async def flush(group: list[Send]) -> list[bool]:
            known = await sends.insert(group)
            metrics.ingest_group_size.observe(len(group))
            for lane in Lane:
                stored = [send for send in group if send.lane is lane]
                if stored:
                    metrics.sends_accepted.labels("http", lane).inc(len(stored))
                    tasks.create_task(announcer.announce(lane, stored, known))
            if not known:
                return [False] * len(group)
            metrics.duplicates.labels("send").inc(len(known))
            return [send.key in known for send in group]

        asking = tasks.create_task(announcer.reopen(started))
        try:
            async with open_grouper(flush, longest=LONGEST) as grouper:
                yield Commit(grouper)
        finally:
            asking.cancel()
