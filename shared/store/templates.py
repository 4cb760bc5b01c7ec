"""Stored templates: messages that sends refer to by name. A version is never changed; a new one is the next number.

{_id: app|name|version, app, name, version, created_at, by, body: the `Message` as JSON}
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.message import Message
from shared.store.errors import StoreBusy

ATTEMPTS: Final = 20
"""So many may make a version of one template at the same time."""


@dataclass(frozen=True, slots=True)
class Template:
    """One version."""

    name: str
    version: int
    created_at: datetime
    message: Message


class Templates:
    """The collection `templates`."""

    INDEXES: Final = (IndexModel([("app", 1), ("name", 1), ("version", -1)]),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._templates = database["templates"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._templates.create_indexes(list(self.INDEXES))

    async def add(self, app: str, name: str, message: Message, now: datetime, by: str) -> Template:
        """The next version; with the same `by` it is the one that was made then."""
        for _ in range(ATTEMPTS):
            found = await self._templates.find_one({"app": app, "name": name, "by": by})
            if found is not None:
                return _template(found)
            latest = await self._latest(app, name)
            version = latest["version"] + 1 if latest else 1
            document = {
                "_id": f"{app}|{name}|{version}", "app": app, "name": name, "version": version, "created_at": now,
                "by": by, "body": message.model_dump_json(exclude_unset=True).encode(),
            }  # fmt: skip
            try:
                await self._templates.insert_one(document)
            except DuplicateKeyError:
                continue
            return _template(document)
        raise StoreBusy("too many make versions of this template at once")

    async def get(self, app: str, name: str, version: int | None = None) -> Template | None:
        """One version, or the latest."""
        if version is None:
            found = await self._latest(app, name)
        else:
            found = await self._templates.find_one({"_id": f"{app}|{name}|{version}"})
        return _template(found) if found else None

    async def all(self, app: str, after: str, limit: int) -> list[Template]:
        """The latest version of each template behind this name, by name."""
        found = await self._templates.aggregate(
            [
                {"$match": {"app": app, "name": {"$gt": after}}},
                {"$sort": {"app": 1, "name": 1, "version": -1}},
                {"$group": {"_id": "$name", "latest": {"$first": "$$ROOT"}}},
                {"$sort": {"_id": 1}},
                {"$limit": limit},
            ]
        )
        return [_template(one["latest"]) for one in await found.to_list(None)]

    async def delete(self, app: str, name: str) -> bool:
        """Every version; whether there was one. Sends that were accepted keep what they say."""
        return (await self._templates.delete_many({"app": app, "name": name})).deleted_count > 0

    async def _latest(self, app: str, name: str) -> dict[str, Any] | None:
        return await self._templates.find_one({"app": app, "name": name}, sort=[("version", -1)])


def _template(found: dict[str, Any]) -> Template:
    message = Message.model_validate_json(found["body"])
    return Template(found["name"], found["version"], found["created_at"], message)
