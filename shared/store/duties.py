"""Duties: what one process does for all while it lives. {_id: name, owner, until}, times by the store's clock.

An economy, not a fence: what is done under a duty is safe to be done by two.
"""

from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError


class Duties:
    """The collection `duties`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._duties = database["duties"]

    async def ensure(self) -> None:
        """Needs no index beside its key."""

    async def take(self, name: str, owner: str, now: datetime, lease: timedelta) -> bool:
        """Whether the duty is ours until the lease runs out: it was free, or ours already."""
        where = {"_id": name, "$or": [{"owner": owner}, {"until": {"$lte": now}}]}
        try:
            await self._duties.update_one(where, {"$set": {"owner": owner, "until": now + lease}}, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def leave(self, name: str, owner: str) -> None:
        """Frees it for the next."""
        await self._duties.delete_one({"_id": name, "owner": owner})
