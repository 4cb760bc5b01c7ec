"""Orders with a key: the first is carried out, a repetition gets its answer, another under the same key is refused.

Two at once are not carried out by both: the second would find the send replaced under its hands, or pause what was
resumed meanwhile. It waits for the answer; if whoever works the first is dead, until that is certain.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.planner.told import Told
from shared.flow.answer import CommandAnswer
from shared.flow.send import Problem
from shared.runtime.clock import Time
from shared.store.errors import StoreAway
from shared.store.keyed import FirstAnswer, Keyed, KeyedRequests

LEASE: Final = timedelta(seconds=10)
"""Whoever works an order without an answer for longer is taken for dead."""
LOOK_AGAIN: Final = 0.05
"""Seconds between two looks for the answer of another."""
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
        answer = await self._worked(keyed, work)
        if answer.state == "rejected":
            await self.keys.drop(keyed)
            return answer
        first = await self.keys.keep(keyed, FirstAnswer(OK, answer.model_dump_json().encode(), None, owner))
        return answer if first.by == owner else _again(first)

    async def _worked(self, keyed: Keyed, work: Callable[[], Awaitable[CommandAnswer]]) -> CommandAnswer:
        """What fails without an answer is tried again, by us or another, and is not to be waited for."""
        try:
            return await work()
        except Exception:
            with suppress(StoreAway):
                await self.keys.give_up(keyed, self.clock.now())
            raise

    async def _claimed(self, told: Told, key: str, owner: str) -> Keyed:
        """The key: ours, another's that has its answer, or that of another order."""
        while True:
            now = self.clock.now()
            keyed = await self.keys.claim(f"{told.app}|amqp", key, told.mark.encode(), owner, now, LEASE)
            if keyed is not None and keyed.fingerprint == told.mark.encode() and keyed.answer is None:
                if keyed.owner == owner:
                    return keyed
                keyed = await self.keys.take_over(keyed, owner, now, LEASE, at_once=False)
            if keyed is not None:
                return keyed
            await asyncio.sleep(LOOK_AGAIN)


def _again(first: FirstAnswer) -> CommandAnswer:
    return CommandAnswer.model_validate_json(first.body).model_copy(update={"duplicate": True})
