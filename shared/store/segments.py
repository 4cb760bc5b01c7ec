"""Segments: filters that an app saved under a name.

{_id: <app>/<name>, app, name, body: the `Segment` as JSON, created_at, changed_at}
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.filter import Filter
from shared.flow.segment import Segment
from shared.store.errors import Missing, Taken

MOST: Final = 1000
"""Segments of one app."""


class Segments:
    """The collection `segments`."""

    INDEXES: Final = (IndexModel([("app", 1), ("name", 1)], unique=True),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._segments = database["segments"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._segments.create_indexes(list(self.INDEXES))

    async def create(self, app: str, segment: Segment, now: datetime) -> None:
        """A new one. Raises `Taken`."""
        if await self._segments.count_documents({"app": app}, limit=MOST) >= MOST:
            message = f"an app has at most {MOST:,} segments"
            raise Taken(message)
        try:
            await self._segments.insert_one(
                {
                    "_id": f"{app}/{segment.name}",
                    "app": app,
                    "name": segment.name,
                    "created_at": now,
                    **_of(segment, now),
                }
            )
        except DuplicateKeyError as error:
            message = f"the app has a segment named {segment.name!r}"
            raise Taken(message) from error

    async def replace(self, app: str, segment: Segment, now: datetime) -> bool:
        """In the place of the one of that name; whether there was one."""
        done = await self._segments.update_one({"_id": f"{app}/{segment.name}"}, {"$set": _of(segment, now)})
        return done.matched_count == 1

    async def get(self, app: str, name: str) -> Segment:
        """One. Raises `Missing`."""
        found = await self._segments.find_one({"_id": f"{app}/{name}", "app": app})
        if found is None:
            message = f"the app has no segment {name!r}"
            raise Missing(message)
        return Segment.model_validate_json(found["body"])

    async def all(self, app: str) -> list[Segment]:
        """Every segment of an app, by name."""
        found = self._segments.find({"app": app}).sort("name", 1)
        return [Segment.model_validate_json(one["body"]) for one in await found.to_list(None)]

    async def filters(self, app: str, names: Iterable[str]) -> dict[str, Filter]:
        """What these segments stand for, by name; those that there are."""
        ids = [f"{app}/{name}" for name in names]
        found = await self._segments.find({"_id": {"$in": ids}, "app": app}).to_list(None) if ids else []
        return {one["name"]: Segment.model_validate_json(one["body"]).filter for one in found}

    async def delete(self, app: str, name: str) -> bool:
        """Whether there was such a segment."""
        return (await self._segments.delete_one({"_id": f"{app}/{name}", "app": app})).deleted_count == 1


def _of(segment: Segment, now: datetime) -> dict[str, Any]:
    return {"body": segment.model_dump_json(exclude_defaults=True).encode(), "changed_at": now}
