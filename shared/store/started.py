"""Started marks: for sends with `duplicates: never`, an insert before the first byte.

{_id: member, by, send, at}. A duplicate key, also one's own, means: it may have been sent, never send it again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.identity import send_of
from shared.flow.timing import MAX_TTL


class Started:
    """The collection `started`."""

    INDEXES: Final = (IndexModel([("at", 1)], expireAfterSeconds=int(2 * MAX_TTL.total_seconds())),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._started = database["started"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._started.create_indexes(list(self.INDEXES))

    async def mark(self, members: Sequence[str], by: str, now: datetime) -> set[str]:
        """Marks chunks as started; returns those that may be sent now: not marked before, unless by this very call.

        `by` names the call, so that it may be repeated after an outcome that is unknown.
        """
        fresh = set()
        for member in members:
            try:
                await self._started.insert_one({"_id": member, "by": by, "send": send_of(member), "at": now})
            except DuplicateKeyError:
                if await self._started.find_one({"_id": member, "by": by}, {"_id": 1}) is None:
                    continue
            fresh.add(member)
        return fresh

    async def unmark(self, members: Sequence[str], by: str) -> None:
        """Takes the marks of this very call back: certainly nothing of these chunks was taken by a provider."""
        await self._started.delete_many({"_id": {"$in": list(members)}, "by": by})
