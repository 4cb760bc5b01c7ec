"""Answers that cost the store much are made once for all who ask within a few seconds."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import timedelta
from typing import Final, TypeVar, cast

from pydantic import BaseModel

FRESH: Final = timedelta(seconds=2)
REMEMBERED: Final = 100

A = TypeVar("A", bound=BaseModel)


class Once:
    """Lives as long as the process. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: dict[Hashable, tuple[BaseModel, float]] = {}
        self._locks: dict[Hashable, asyncio.Lock] = {}

    async def of(self, question: Hashable, make: Callable[[], Awaitable[A]]) -> A:
        """The answer to a question, made by the first who asks."""
        async with self._locks.setdefault(question, asyncio.Lock()):
            known, until = self._known.get(question, (None, 0.0))
            if known is None or until <= self._monotonic():
                known = await make()
                self._forget_old()
                self._known[question] = known, self._monotonic() + FRESH.total_seconds()
            return cast("A", known)

    def _forget_old(self) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
            self._locks = {question: lock for question, lock in self._locks.items() if lock.locked()}
