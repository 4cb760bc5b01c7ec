"""Authorizations: provider tokens (JWT, OAuth) shared by every replica, sealed, renewed by one at a time.

{_id: <platform>|<identity>, sealed, issued_at, refresh_at, expires_at, lease: {owner, until}}
The identity holds a fingerprint of the key itself: only who has the key can share in what was made with it.
"""

from datetime import datetime, timedelta
from typing import Any

from bson import Binary
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.store.keyring import Keyring


class Authorizations:
    """The collection `authorizations`. Values are dictionaries: {value, issued_at, refresh_at, expires_at}."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], keyring: Keyring) -> None:
        self._authorizations = database["authorizations"]
        self._keyring = keyring

    async def ensure(self) -> None:
        """Only `_id` is needed."""

    async def get(self, identity: str) -> dict[str, Any] | None:
        """The shared authorization, or None if none was made yet."""
        found = await self._authorizations.find_one({"_id": identity, "sealed": {"$exists": True}})
        if found is None:
            return None
        value = self._keyring.unseal(found["sealed"], f"authorization|{identity}").decode()
        return {"value": value, **{name: found[name] for name in ("issued_at", "refresh_at", "expires_at")}}

    async def lease(self, identity: str, owner: str, now: datetime, length: timedelta) -> bool:
        """Whether this process may make the next one; nobody else may until then."""
        lease = {"owner": owner, "until": now + length}
        free = {"_id": identity, "$or": [{"lease.until": {"$lt": now}}, {"lease": None}, {"lease.owner": owner}]}
        try:
            done = await self._authorizations.update_one(free, {"$set": {"lease": lease}}, upsert=True)
        except DuplicateKeyError:
            return False
        return done.matched_count == 1 or done.upserted_id is not None

    async def put(self, identity: str, value: str, times: dict[str, datetime]) -> None:
        """Shares a new authorization and ends the lease. `times`: issued_at, refresh_at, expires_at."""
        sealed = Binary(self._keyring.seal(value.encode(), f"authorization|{identity}"))
        await self._authorizations.update_one(
            {"_id": identity}, {"$set": {"sealed": sealed, **times, "lease": None}}, upsert=True
        )
