"""Deaths: the processes that left claims behind to run out, and how many claims each had in hand. Kept for an hour.

{_id: owner, kind: what process it was, at: when it was found out, held}
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

FORGOTTEN_AFTER: Final = 3600
"""Seconds; as long as claims are kept."""


class Deaths:
    """The collection `deaths`: written only when somebody died."""

    INDEXES: Final = (IndexModel([("at", 1)], expireAfterSeconds=FORGOTTEN_AFTER),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._deaths = database["deaths"]

    async def ensure(self) -> None:
        """Makes the index."""
        await self._deaths.create_indexes(list(self.INDEXES))

    async def held(self, owner: str) -> int | None:
        """How many claims it had in hand, by whoever found out first; None if nobody has."""
        found = await self._deaths.find_one({"_id": owner})
        return int(found["held"]) if found else None

    async def found(self, owner: str, at: datetime, held: int) -> int:
        """Notes a death, once for each process; what the first says holds for all."""
        noted = {"kind": _kind(owner), "at": at, "held": held}
        said = await self._deaths.find_one_and_update(
            {"_id": owner}, {"$setOnInsert": noted}, upsert=True, return_document=ReturnDocument.AFTER
        )
        return int(said["held"]) if said else held

    async def elsewhere(self, owner: str, since: datetime, but: Collection[str]) -> int:
        """Deaths of processes of the same kind since then, but for these."""
        return await self._deaths.count_documents(
            {"at": {"$gte": since}, "kind": _kind(owner), "_id": {"$nin": list(but)}}
        )


def _kind(owner: str) -> str:
    return owner.split("@", 1)[0]
