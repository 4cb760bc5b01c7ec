"""Variants whose route to the provider some process has given up for a while: what it tells the planner, no more.

{_id: variant + "/" + owner, variant, owner, until}. Each process has an opinion of its own; one that dies is forgotten.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel, UpdateOne, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase


class Away:
    """The collection `away`; it has as many documents as there are variants and processes in trouble.

    Nothing but who is fed apart depends on it: no majority.
    """

    INDEXES: Final = (IndexModel([("variant", 1)]), IndexModel([("until", 1)], expireAfterSeconds=0))

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._away = database.get_collection("away", write_concern=WriteConcern(w=1, j=False))

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._away.create_indexes(list(self.INDEXES))

    async def note(self, owner: str, variants: Collection[str], until: datetime) -> None:
        """The process does not send for these, until then."""
        said = [
            UpdateOne(
                {"_id": f"{variant}/{owner}"},
                {"$set": {"variant": variant, "owner": owner, "until": until}},
                upsert=True,
            )
            for variant in variants
        ]
        if said:
            await self._away.bulk_write(said, ordered=False)

    async def back(self, owner: str, variants: Collection[str]) -> None:
        """It does again."""
        await self._away.delete_many({"_id": {"$in": [f"{variant}/{owner}" for variant in variants]}})

    async def of(self, variants: Iterable[str]) -> set[str]:
        """Those of these variants for which some process does not send now, by the store's clock."""
        now = {"$gt": ["$until", "$$NOW"]}
        found = self._away.find({"variant": {"$in": list(variants)}, "$expr": now}, {"variant": 1, "_id": 0})
        return {one["variant"] for one in await found.to_list(None)}
