"""Evidence for the anomaly gate: what one record says about the tokens of a variant, inserted once.

{_id: record|variant, window, slot, results, suspects, devices: at most 50 of them, at}
Never added to: a result that comes twice finds its evidence there, in the window in which it was heard of first.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from shared.flow.hygiene import LEAST, Evidence, Tally
from shared.store.errors import only_duplicates

KEPT: Final = timedelta(days=7)


class EvidenceBook:
    """The collection `hygiene_evidence`."""

    INDEXES: Final = (
        IndexModel([("window", 1), ("slot", 1)]),
        IndexModel([("at", 1)], expireAfterSeconds=int(KEPT.total_seconds())),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._evidence = database["hygiene_evidence"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._evidence.create_indexes(list(self.INDEXES))

    async def note(self, found: Mapping[str, Iterable[Evidence]], now: datetime) -> dict[str, str]:
        """Inserts evidence by the window that is open for it; returns the window in which each (by key) is."""
        own = {one.key: window for window, some in found.items() for one in some}
        documents = [
            {
                "_id": one.key, "window": window, "slot": one.slot, "results": one.tally.results,
                "suspects": one.tally.suspects, "at": now,
                # with 50 of one record the question whether there are 50 is answered
                "devices": list({finding.device: None for finding in one.suspects})[:LEAST],
            }
            for window, some in found.items()
            for one in some
        ]  # fmt: skip
        try:
            if documents:
                await self._evidence.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if not only_duplicates(error):
                raise
            there = self._evidence.find({"_id": {"$in": list(own)}}, {"window": 1})
            return {one["_id"]: one["window"] async for one in there}
        return own

    async def slots(self, window: str) -> dict[datetime, Tally]:
        """What a window holds, minute by minute."""
        stages: list[dict[str, Any]] = [
            {"$match": {"window": window}},
            {"$group": {"_id": "$slot", "results": {"$sum": "$results"}, "suspects": {"$sum": "$suspects"}}},
        ]
        found = await (await self._evidence.aggregate(stages)).to_list()
        return {one["_id"]: Tally(one["results"], one["suspects"]) for one in found}

    async def devices(self, window: str, slot: datetime | None) -> int:
        """How many different devices are suspects in a window or in one slot of it; counted up to 50."""
        where: dict[str, Any] = {"window": window, "suspects": {"$gt": 0}} | ({"slot": slot} if slot else {})
        seen: set[bytes] = set()
        async for one in self._evidence.find(where, {"devices": 1}):
            seen.update(map(bytes, one["devices"]))
            if len(seen) >= LEAST:
                break
        return min(len(seen), LEAST)
