"""Takes commands off the bus: read, stored with majority, handed to the intake, answered, acked; in groups."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from services.planner.answering import Read, answer, may_reply
from services.planner.door import Door
from services.planner.orders_taken import OrdersTaken
from services.planner.publishing import Publishing
from services.planner.told import Told
from shared.bus.bundle import Grouper, open_grouper
from shared.bus.connection import Bus
from shared.bus.errors import BusError
from shared.bus.incoming import Incoming
from shared.bus.topology import COMMANDS, DEFAULT
from shared.flow.answer import CommandAnswer
from shared.flow.envelope import Refused
from shared.flow.lane import Lane
from shared.flow.send import Send
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import NONE, Tracing, Value, carrying
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
    orders: OrdersTaken
    tracing: Tracing | None = None

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
        for lane in Lane:
            some = [send for send in first.values() if send.lane is lane and not send.problems]
            if some:
                await self._wake(lane, some, known)
        for send in group:
            if send.problems:
                self.metrics.sends_refused.labels("invalid").inc()
            else:
                self.metrics.sends_accepted.labels("amqp", send.lane).inc()
        again = [send.key in known or send is not first[send.key] for send in group]
        self.metrics.duplicates.labels("send").inc(sum(again))
        return again

    async def _wake(self, lane: Lane, sends: list[Send], known: set[str]) -> None:
        """What is stored is accepted: should the wake-up get lost, the sweep finds the sends."""
        fresh = [send for send in sends if send.key not in known]
        try:
            with carrying({send.key: send.trace for send in sends if send.trace} if self.tracing else NONE):
                await self.publishing.stored(lane, fresh, [send.key for send in sends if send.key in known])
        except BusError as error:
            log.warning("sends_not_announced", sends=len(sends), error=str(error))

    async def _message(self, incoming: Incoming, grouper: Grouper[Send, bool]) -> None:
        read = await self.door.read(incoming)
        if self.tracing is None:
            await self._taken(read, incoming, grouper)
            return
        said: dict[str, Value] = {"messaging.system": "rabbitmq", "messaging.batch.message_count": len(read)}
        with self.tracing.door("command", "consumer", incoming.headers, said | {"carillon.app": read[0].app}):
            await self._taken(read, incoming, grouper)

    async def _taken(self, read: Sequence[Read | Told], incoming: Incoming, grouper: Grouper[Send, bool]) -> None:
        sends = [one for one in read if isinstance(one, Read)]
        known = await asyncio.gather(*(self._store(one, grouper) for one in sends))
        answers = await self._answers(sends, known)
        for one, told in zip(sends, answers, strict=True):
            await self._results(one, told)
        ordered = await self.orders.carry_out([one for one in read if isinstance(one, Told)])
        first, second = iter(answers), iter(ordered)
        said = [next(first) if isinstance(one, Read) else next(second) for one in read]
        await self._reply(incoming, read[0].app, said)
        await incoming.ack()

    async def _store(self, read: Read, grouper: Grouper[Send, bool]) -> bool:
        if read.check_only:
            return False
        for name, values in read.lists.items():
            await self.store.lists.insert(read.send.list_name(name), values)
        if self.tracing is None or read.send.problems:
            return await grouper.put(read.send)
        with self.tracing.accepting(read.send.key) as trace:
            return await grouper.put(read.send.model_copy(update={"trace": trace}) if trace else read.send)

    async def _answers(self, read: Sequence[Read], known: Sequence[bool]) -> list[CommandAnswer]:
        before = [one.send for one, was in zip(read, known, strict=True) if was]
        first = await self.store.sends.many(one.key for one in before) if before else {}
        return [
            answer(one, first.get(one.send.key, one.send) if was else None)
            for one, was in zip(read, known, strict=True)
        ]

    async def _results(self, read: Read, told: CommandAnswer) -> None:
        """A rejected command appears in the results, too; a repeated one again, as nobody may have heard of it."""
        send = read.send
        if told.conflict or (read.check_only and send.problems):
            refused = Refused(key=send.key, mark=send.fingerprint, problems=told.errors)
            await self.publishing.refused(send.lane, refused)
        elif send.problems:
            await self.publishing.again(send.lane, send.key)

    async def _reply(self, incoming: Incoming, app: str, said: Sequence[CommandAnswer]) -> None:
        """An answer that cannot be delivered is lost: the send can be read by its id."""
        if incoming.reply_to is None or not may_reply(app, incoming.reply_to):
            return
        told = [one.said() for one in said]
        body = json.dumps(told[0] if len(told) == 1 else {"v": 1, "answers": told}).encode()
        try:
            await self.bus.publish(
                DEFAULT, incoming.reply_to or "", body, correlation_id=incoming.correlation_id, persistent=False
            )
        except BusError as error:
            log.info("not_answered", error=type(error).__name__)
