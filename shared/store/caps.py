"""Places that sends have taken under frequency caps, by user and category.

{_id: app.who.category, b: [{n: how often it was written, until, sent: [{s: send id, at, d: [devices]}]}]}

A change is written only upon what was read: of two at once one comes second, and reads again. The condition is on the
one element of `b`, not on the document: so the store finds it by `_id` alone and makes no plan. What comes twice finds
its place taken.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from pymongo import IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from shared.flow.cap import Place, Places, whose
from shared.store.errors import only_duplicates
from shared.store.updating import update_all

GRAIN: Final = timedelta(hours=1)
"""When a document may go is rounded up to this, so that its index seldom changes."""
NEVER: Final = datetime.fromtimestamp(0, UTC)


class Kept(NamedTuple):
    """What is kept of one user and category; version 0: nothing."""

    version: int = 0
    places: Places = ()
    until: datetime = NEVER


class Change(NamedTuple):
    """Other places in the place of what was read; they count until then."""

    key: str
    read: Kept
    places: Places
    until: datetime

    def document(self) -> dict[str, Any]:
        """What is to be kept."""
        sent = [{"s": one.send, "at": one.at, "d": list(one.devices)} for one in self.places]
        return {"n": self.read.version + 1, "until": max(self.read.until, _rounded_up(self.until)), "sent": sent}


class Caps:
    """The collection `caps`."""

    INDEXES: Final = (IndexModel([("b.until", 1)], expireAfterSeconds=0),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._caps = database["caps"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._caps.create_indexes(list(self.INDEXES))

    async def read(self, keys: Collection[str]) -> dict[str, Kept]:
        """What is kept under these keys."""
        found = self._caps.find({"_id": {"$in": list(keys)}}, batch_size=5000)
        return {one["_id"]: _kept(one["b"][0]) for one in await found.to_list(None)}

    async def write(self, changes: Sequence[Change]) -> set[str]:
        """All at once; the keys of which somebody else may have written meanwhile, to be read and decided anew."""
        fresh = [one for one in changes if not one.read.version]
        known = [one for one in changes if one.read.version]
        lost = await asyncio.gather(self._insert(fresh), self._update(known))
        return lost[0] | lost[1]

    async def _insert(self, fresh: Sequence[Change]) -> set[str]:
        if not fresh:
            return set()
        try:
            await self._caps.insert_many([{"_id": one.key, "b": [one.document()]} for one in fresh], ordered=False)
        except BulkWriteError as error:
            if not only_duplicates(error):
                raise
            return {fresh[one["index"]].key for one in (error.details or {})["writeErrors"]}
        return set()

    async def _update(self, known: Sequence[Change]) -> set[str]:
        """Which one was not written is not told: all are looked at again, and those that were find their place."""
        if not known:
            return set()
        updates = [
            {
                "q": {"_id": one.key},
                "u": {"$set": {"b.$[it]": one.document()}},
                "arrayFilters": [{"it.n": one.read.version}],
            }
            for one in known
        ]
        done = await update_all(self._database, "caps", updates)
        return set() if done.modified == len(known) else {one.key for one in known}

    async def give_back(self, held: Iterable[tuple[str, str, bytes]]) -> None:
        """The devices, by key and send, hold their place no more; who gives back twice gives back once."""
        back = [
            UpdateOne(
                {"_id": key, "b.sent": {"$elemMatch": {"s": send, "d": device}}},
                {"$pull": {"b.0.sent.$[its].d": device}, "$inc": {"b.0.n": 1}},
                array_filters=[{"its.s": send}],
            )
            for key, send, device in held
        ]
        if back:
            await self._caps.bulk_write(back, ordered=False)

    async def forget(self, app: str, user: str, devices: Iterable[bytes]) -> None:
        """Everything that is kept of a user and of these devices."""
        for who in [whose(app, user, b""), *(whose(app, None, one) for one in devices)]:
            await self._caps.delete_many({"_id": {"$gte": who, "$lt": f"{who[:-1]}/"}})


def _kept(one: dict[str, Any]) -> Kept:
    return Kept(one["n"], tuple(Place(each["s"], each["at"], tuple(each["d"])) for each in one["sent"]), one["until"])


def _rounded_up(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0) + GRAIN
