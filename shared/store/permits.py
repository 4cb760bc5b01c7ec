"""Permits under a variant's rate limit, leased by all replicas from one line in time, by the store's clock.

{_id: variant, free: when the next notification of the lane `bulk` may go, now: the same for `now`, ahead, at}
A lease is a stretch of that line: so many notifications, from then on. What dies with its holder is lost, no more.
"""

from datetime import timedelta
from typing import Any, Final

from pymongo import IndexModel, ReturnDocument, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.lane import Lane

KEPT: Final = timedelta(hours=1)
CAUGHT_UP: Final = timedelta(milliseconds=250)
"""What nobody leased in time may still be had for so long: a worker that was late by less has lost nothing."""
_MILLISECOND: Final = 1000


class Permits:
    """The collection `permits`. A failover may give some out twice: nothing but the rate depends on them."""

    INDEXES: Final = (IndexModel([("at", 1)], expireAfterSeconds=int(KEPT.total_seconds())),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._permits = database.get_collection("permits", write_concern=WriteConcern(w=1, j=False))

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._permits.create_indexes(list(self.INDEXES))

    async def lease(self, variant: str, lane: Lane, count: int, rate: float) -> timedelta:
        """In how long these notifications may go, at so many a second.

        What goes by `now` waits for nothing but `now`; it pushes `bulk` back.
        """
        length = round(count / rate * _MILLISECOND)
        mine = "$now" if lane is Lane.NOW else "$free"
        earliest = {"$subtract": ["$$NOW", CAUGHT_UP // timedelta(milliseconds=1)]}
        begin: dict[str, Any] = {"$max": [earliest, mine]}
        line: dict[str, Any] = {
            "at": "$$NOW",
            "ahead": {"$max": [0, {"$subtract": [begin, "$$NOW"]}]},
            "free": {"$add": [{"$max": [earliest, "$free"]}, length]},
        }
        if lane is Lane.NOW:
            line["now"] = {"$add": [begin, length]}
        found = await self._permits.find_one_and_update(
            {"_id": variant}, [{"$set": line}], upsert=True, return_document=ReturnDocument.AFTER
        )
        return timedelta(milliseconds=found["ahead"] if found else 0)
