"""Allowances: how many devices of a variant may still be removed in a span, handed out by one atomic update.

{_id: variant/start in ms, cap, taken, at}. What was taken and not used by a process that died is lost for the span:
fewer are removed, never more.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from shared.store.windows import window_id

KEPT: Final = timedelta(days=2)


class Allowances:
    """The collection `hygiene_allowances`."""

    INDEXES: Final = (IndexModel([("at", 1)], expireAfterSeconds=int(KEPT.total_seconds())),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._allowances = database["hygiene_allowances"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._allowances.create_indexes(list(self.INDEXES))

    async def take(self, variant: str, start: datetime, wanted: int, cap: Callable[[], Awaitable[int]]) -> int:
        """How many of the wanted are granted in the span that starts then; who asks first says what the cap is."""
        key = window_id(variant, start)
        if await self._allowances.find_one({"_id": key}, {"_id": 1}) is None:
            first = {"$setOnInsert": {"cap": await cap(), "taken": 0, "at": start}}
            await self._allowances.update_one({"_id": key}, first, upsert=True)
        before = await self._allowances.find_one_and_update(
            {"_id": key},
            [{"$set": {"taken": {"$min": ["$cap", {"$add": ["$taken", wanted]}]}}}],
            return_document=ReturnDocument.BEFORE,
        )
        return min(wanted, before["cap"] - before["taken"]) if before else 0
