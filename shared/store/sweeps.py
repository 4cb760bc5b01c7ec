"""Watermarks: up to which moment of their acceptance sends were looked at once, across apps.

{_id: which sweep, until}
"""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase


class Sweeps:
    """The collection `sweeps`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._sweeps = database["sweeps"]

    async def until(self, mark: str, start: datetime) -> datetime:
        """Sends accepted up to this moment were looked at; `start` if there was no sweep yet."""
        found = await self._sweeps.find_one_and_update(
            {"_id": mark}, {"$setOnInsert": {"until": start}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        until: datetime = found["until"] if found else start
        return until

    async def move_on(self, mark: str, before: datetime, after: datetime) -> bool:
        """Moves the watermark; False if another planner did."""
        done = await self._sweeps.update_one({"_id": mark, "until": before}, {"$set": {"until": after}})
        return done.modified_count == 1
