"""Erasures of users: asked for once, done by a reporter, and then kept without the user.

{_id, app, user: until it is done, devices: their ids, until then, at, state: owed | done, again_at: when all is erased
 but what was on its way then may have come after, done_at, erased: number}
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.identity import new_id
from shared.store.errors import Missing


@dataclass(frozen=True, slots=True)
class Erasure:
    """One user that is to be erased. `devices` are those that were found so far."""

    id: str
    app: str
    user: str
    devices: tuple[bytes, ...]
    at: datetime
    state: Literal["owed", "done"]
    done_at: datetime | None = None
    erased: int = 0
    again_at: datetime | None = None


class Erasures:
    """The collection `erasures`."""

    INDEXES: Final = (IndexModel([("at", 1)], partialFilterExpression={"state": "owed"}),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._erasures = database["erasures"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._erasures.create_indexes(list(self.INDEXES))

    async def ask(self, app: str, user: str, now: datetime) -> Erasure:
        """A user is to be erased."""
        document = {"_id": new_id("er", 16), "app": app, "user": user, "devices": [], "at": now, "state": "owed"}
        await self._erasures.insert_one(document)
        return _erasure(document)

    async def get(self, app: str, id_: str) -> Erasure:
        """One of an app. Raises `Missing`."""
        found = await self._erasures.find_one({"_id": id_, "app": app})
        if found is None:
            raise Missing("the app has no such erasure")
        return _erasure(found)

    async def owed(self, now: datetime, but: Collection[str] = ()) -> Erasure | None:
        """The oldest that is to be looked at, but none of these."""
        due = [{"again_at": {"$exists": False}}, {"again_at": {"$lte": now}}]
        where = {"state": "owed", "$or": due, "_id": {"$nin": list(but)}}
        found = await self._erasures.find_one(where, sort=[("at", 1)])
        return _erasure(found) if found else None

    async def look_again(self, erasure: Erasure, at: datetime) -> None:
        """All is erased, and looked for once more then."""
        await self._erasures.update_one({"_id": erasure.id, "state": "owed"}, {"$set": {"again_at": at}})

    async def found(self, erasure: Erasure, devices: Iterable[bytes]) -> Erasure:
        """These are the user's devices; noted before they go, so that what comes after can be repeated."""
        change = {"$addToSet": {"devices": {"$each": list(devices)}}}
        await self._erasures.update_one({"_id": erasure.id}, change)
        return await self.get(erasure.app, erasure.id)

    async def done(self, erasure: Erasure, now: datetime) -> None:
        """Nothing is left of the user, here neither."""
        change = {"state": "done", "done_at": now, "erased": len(erasure.devices)}
        gone = {"user": "", "devices": "", "again_at": ""}
        await self._erasures.update_one({"_id": erasure.id}, {"$set": change, "$unset": gone})


def _erasure(found: dict[str, Any]) -> Erasure:
    return Erasure(
        found["_id"], found["app"], found.get("user", ""), tuple(map(bytes, found.get("devices", ()))), found["at"],
        found["state"], found.get("done_at"), found.get("erased", 0), found.get("again_at"),
    )  # fmt: skip
