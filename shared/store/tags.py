"""Tags that an app offers its users to subscribe to. Devices may have any others too: these have a description.

{_id: <app>/<name>, app, name, description, created_at, changed_at}
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.store.errors import Missing, Taken

MOST: Final = 10_000
"""Tags that one app may offer."""


@dataclass(frozen=True, slots=True)
class OfferedTag:
    """One."""

    name: str
    description: str
    created_at: datetime
    changed_at: datetime


class TagBook:
    """The collection `tags`."""

    INDEXES: Final = (IndexModel([("app", 1), ("name", 1)], unique=True),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._tags = database["tags"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._tags.create_indexes(list(self.INDEXES))

    async def create(self, app: str, name: str, description: str, now: datetime) -> OfferedTag:
        """A new one. Raises `Taken`."""
        if await self._tags.count_documents({"app": app}, limit=MOST) >= MOST:
            message = f"an app offers at most {MOST:,} tags"
            raise Taken(message)
        tag = OfferedTag(name, description, now, now)
        try:
            await self._tags.insert_one({"_id": _id(app, name), "app": app, **_row(tag)})
        except DuplicateKeyError as error:
            message = "the app has a tag of this name"
            raise Taken(message) from error
        return tag

    async def describe(self, app: str, name: str, description: str, now: datetime) -> OfferedTag:
        """With another description. Raises `Missing`."""
        change = {"$set": {"description": description, "changed_at": now}}
        done = await self._tags.update_one({"_id": _id(app, name), "app": app}, change)
        if not done.matched_count:
            raise _missing()
        return await self.get(app, name)

    async def get(self, app: str, name: str) -> OfferedTag:
        """One. Raises `Missing`."""
        found = await self._tags.find_one({"_id": _id(app, name), "app": app})
        if found is None:
            raise _missing()
        return _read(found)

    async def offered(self, app: str, names: Collection[str]) -> set[str]:
        """Which of these there are."""
        found = self._tags.find({"app": app, "name": {"$in": list(names)}}, {"name": 1})
        return {one["name"] async for one in found}

    async def page(self, app: str, offset: int, size: int) -> list[OfferedTag]:
        """So many, by name, from this one on."""
        found = self._tags.find({"app": app}).sort("name", 1).skip(offset).limit(size)
        return [_read(one) for one in await found.to_list(None)]

    async def count(self, app: str) -> int:
        """How many the app offers."""
        return await self._tags.count_documents({"app": app})

    async def delete(self, app: str, name: str) -> None:
        """Offers it no longer. Raises `Missing`."""
        if not (await self._tags.delete_one({"_id": _id(app, name), "app": app})).deleted_count:
            raise _missing()


def _id(app: str, name: str) -> str:
    return f"{app}/{name}"


def _row(tag: OfferedTag) -> dict[str, Any]:
    return {
        "name": tag.name,
        "description": tag.description,
        "created_at": tag.created_at,
        "changed_at": tag.changed_at,
    }


def _read(row: dict[str, Any]) -> OfferedTag:
    return OfferedTag(row["name"], row["description"], row["created_at"], row["changed_at"])


def _missing() -> Missing:
    return Missing("the app has no such tag")
