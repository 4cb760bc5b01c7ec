"""Takes commands off the bus: read, stored with majority, handed to the intake, answered, acked; in groups."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from services.planner.door import Door, Read, answer, may_reply
from services.planner.publishing import Publishing
from shared.bus.bundle import Grouper, open_grouper
from shared.bus.connection import Bus
from shared.bus.errors import BusError
from shared.bus.incoming import Incoming
from shared.bus.topology import COMMANDS, DEFAULT
from shared.flow.lane import Lane
from shared.flow.send import Send
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.taking import Source, Taking

PREFETCH: Final = 200

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Commands:
    """One process's hold on the queue of commands."""

    store: Store
    bus: Bus
    metrics: Metrics
    taking: Taking
    door: Door
    publishing: Publishing

    async def run(self) -> None:
        """Works until asked to stop, then finishes what is in hand."""
        async with open_grouper(self._flush) as grouper:
            await self.taking.run(
                [Source(COMMANDS, PREFETCH, lambda incoming: self._message(incoming, grouper), tenants=True)]
            )

    async def _flush(self, group: list[Send]) -> list[bool]:
        """One insert for what came together, one wake-up for each lane; whether each was known before."""
        first = {send.key: send for send in reversed(group)}
        known = await self.store.sends.insert(list(first.values()))
        fresh = [send for send in group if not send.problems]
        for lane in Lane:
            keys = [send.key for send in fresh if send.lane is lane]
            if keys:
                await self._wake(lane, keys)
        for send in group:
            if send.problems:
                self.metrics.sends_refused.labels("invalid").inc()
            else:
                self.metrics.sends_accepted.labels("amqp", send.lane).inc()
        return [send.key in known or send is not first[send.key] for send in group]

    async def _wake(self, lane: Lane, keys: list[str]) -> None:
        """What is stored is accepted: should the wake-up get lost, the sweep finds the sends."""
        try:
            await self.publishing.sends(lane, keys)
        except BusError as error:
            log.warning("sends_not_announced", sends=len(keys), error=str(error))

    async def _message(self, incoming: Incoming, grouper: Grouper[Send, bool]) -> None:
        read = await self.door.read(incoming)
        known = await asyncio.gather(*(self._store(one, grouper) for one in read))
        await self._rejected(read)
        await self._reply(incoming, read, known)
        await incoming.ack()

    async def _store(self, read: Read, grouper: Grouper[Send, bool]) -> bool:
        for name, values in read.lists.items():
            await self.store.lists.insert(read.send.list_name(name), values)
        return await grouper.put(read.send)

    async def _rejected(self, read: Sequence[Read]) -> None:
        """A rejected command appears in the results, too; a repeated one again, as nobody may have heard of it."""
        for one in read:
            if one.send.problems:
                await self.publishing.again(one.send.lane, one.send.key)

    async def _reply(self, incoming: Incoming, read: Sequence[Read], known: Sequence[bool]) -> None:
        """An answer that cannot be delivered is lost: the send can be read by its id."""
        app = read[0].send.app
        if incoming.reply_to is None or not may_reply(app, incoming.reply_to):
            return
        first = await self.store.sends.many(one.send.key for one, before in zip(read, known, strict=True) if before)
        said = [
            answer(first.get(one.send.key, one.send), known=before) for one, before in zip(read, known, strict=True)
        ]
        body = json.dumps(said[0] if len(said) == 1 else {"v": 1, "answers": said}).encode()
        try:
            await self.bus.publish(
                DEFAULT, incoming.reply_to, body, correlation_id=incoming.correlation_id, persistent=False
            )
        except BusError as error:
            log.info("not_answered", app=app, error=type(error).__name__)
