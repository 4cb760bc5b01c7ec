"""Orders with a key: the first is carried out, a repetition gets its answer, another under the same key is refused.

An order may be carried out by two at once, or once more after a crash: it comes to the same. So nobody waits.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.planner.told import Told
from shared.flow.answer import CommandAnswer
from shared.flow.send import Problem
from shared.runtime.clock import Time
from shared.store.keyed import FirstAnswer, Keyed, KeyedRequests

LEASE: Final = timedelta(seconds=30)
LOOK_AGAIN: Final = 0.05
"""Seconds until another's key may be durable."""
OK: Final = 200
"""The store keeps the answer as it keeps those over HTTP."""
USED: Final = Problem(pointer="/key", detail="another order has this key")


@dataclass(frozen=True, slots=True)
class KeyedOrders:
    """Lives as long as the process."""

    keys: KeyedRequests
    clock: Time

    async def answer(self, told: Told, key: str, work: Callable[[], Awaitable[CommandAnswer]]) -> CommandAnswer:
        """What became of the first order with this key. What is rejected leaves the key free."""
        owner = secrets.token_hex(8)
        keyed = await self._claimed(told, key, owner)
        if keyed.fingerprint != told.mark.encode():
            return CommandAnswer(id=told.id, state="rejected", errors=(USED,), conflict=True)
        if keyed.answer is not None:
            return _again(keyed.answer)
        answer = await work()
        if answer.state == "rejected":
            await self.keys.drop(keyed)
            return answer
        first = await self.keys.keep(keyed, FirstAnswer(OK, answer.model_dump_json().encode(), None, owner))
        return answer if first.by == owner else _again(first)

    async def _claimed(self, told: Told, key: str, owner: str) -> Keyed:
        """The key: ours, another's that has its answer, or that of another order."""
        while True:
            now = self.clock.now()
            keyed = await self.keys.claim(f"{told.app}|amqp", key, told.mark.encode(), owner, now, LEASE)
            if keyed is not None and keyed.fingerprint == told.mark.encode() and keyed.answer is None:
                if keyed.owner == owner:
                    return keyed
                keyed = await self.keys.take_over(keyed, owner, now, LEASE, at_once=True)
            if keyed is not None:
                return keyed
            await asyncio.sleep(LOOK_AGAIN)


def _again(first: FirstAnswer) -> CommandAnswer:
    return CommandAnswer.model_validate_json(first.body).model_copy(update={"duplicate": True})
