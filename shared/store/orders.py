"""Orders that backends gave about sends: one document for a send that was ever paused or called off.

{_id: send key, app, order: paused | cancelled | resumed, since, why, open: while it holds something up, settled_at}
A send about which nothing was ordered has none, so it costs nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.identity import split_send_key
from shared.flow.order import Order, Standing
from shared.flow.timing import MAX_TTL

RESUMED: Final = "resumed"


class Orders:
    """The collection `orders`."""

    INDEXES: Final = (
        IndexModel([("open", 1)], partialFilterExpression={"open": True}),
        IndexModel([("app", 1), ("since", 1)]),
        IndexModel([("settled_at", 1)], expireAfterSeconds=int(2 * MAX_TTL.total_seconds())),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._orders = database["orders"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._orders.create_indexes(list(self.INDEXES))

    async def give(self, key: str, order: Order, now: datetime, why: str = "") -> Order:
        """The order that holds from now on: this one, or that the send was called off before. May be repeated."""
        document = {"app": split_send_key(key)[0], "order": str(order), "since": now, "open": True, "why": why}
        others = {"_id": key, "order": {"$nin": [str(order), str(Order.CANCELLED)]}}
        try:
            await self._orders.update_one(others, {"$set": document, "$unset": {"settled_at": ""}}, upsert=True)
        except DuplicateKeyError:
            found = await self.get(key)
            return found.order if found else order
        return order

    async def resume(self, key: str, now: datetime) -> bool:
        """Whether the send was paused; it is no more."""
        change = {"$set": {"order": RESUMED, "open": False, "settled_at": now}}
        done = await self._orders.update_one({"_id": key, "order": str(Order.PAUSED)}, change)
        return done.modified_count == 1

    async def get(self, key: str) -> Standing | None:
        """The order about this send; one that called it off stays, also when nothing is open any more."""
        return (await self.of([key])).get(key)

    async def resumed_at(self, key: str) -> datetime | None:
        """When this send was resumed, if it ever was paused and is no more."""
        found = await self._orders.find_one({"_id": key, "order": RESUMED}, {"settled_at": 1})
        return found["settled_at"] if found else None

    async def of(self, keys: Iterable[str]) -> dict[str, Standing]:
        """The same for several sends; one read."""
        found = self._orders.find({"_id": {"$in": list(keys)}, "order": {"$ne": RESUMED}})
        return {one["_id"]: _standing(one) for one in await found.to_list(None)}

    async def in_force(self) -> dict[str, Standing]:
        """Across apps, for the workers: every order that holds something up."""
        found = self._orders.find({"open": True}, {"order": 1, "since": 1, "why": 1})
        return {one["_id"]: _standing(one) for one in await found.to_list(None)}

    async def pauses(self, app: str, since: datetime) -> list[tuple[str, datetime, str]]:
        """An app's sends that were paused at that time or later, by key, when and why; also if they go on already."""
        where = {"app": app, "since": {"$gte": since}, "order": {"$in": [str(Order.PAUSED), RESUMED]}}
        found = self._orders.find(where, {"since": 1, "why": 1}).sort("since", 1)
        return [(one["_id"], one["since"], one.get("why", "")) for one in await found.to_list(None)]

    async def settle(self, key: str, now: datetime) -> None:
        """Nothing of this send is open any more."""
        await self._orders.update_one({"_id": key, "open": True}, {"$set": {"open": False, "settled_at": now}})


def _standing(found: dict[str, Any]) -> Standing:
    return Standing(Order(found["order"]), found["since"], found.get("why", ""))
