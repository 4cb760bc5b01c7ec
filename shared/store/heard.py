"""Heard records: from which a reporter has derived everything, so that a lost result is noticed.

{_id: record id, at}. Kept as long as a send can live; the records themselves are never changed.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from shared.flow.timing import MAX_TTL
from shared.store.errors import only_duplicates


class Heard:
    """The collection `heard`."""

    INDEXES: Final = (IndexModel([("at", 1)], expireAfterSeconds=int(2 * MAX_TTL.total_seconds())),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._heard = database["heard"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._heard.create_indexes(list(self.INDEXES))

    async def mark(self, records: Iterable[str], now: datetime) -> None:
        """Everything has been derived from these records."""
        documents = [{"_id": record, "at": now} for record in records]
        try:
            if documents:
                await self._heard.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if not only_duplicates(error):
                raise

    async def unheard(self, records: Iterable[str]) -> set[str]:
        """Which of these records nobody has heard yet."""
        wanted = set(records)
        found = self._heard.find({"_id": {"$in": list(wanted)}}, {"_id": 1})
        return wanted - {one["_id"] async for one in found}
