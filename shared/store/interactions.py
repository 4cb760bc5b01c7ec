"""Interactions: what devices told about notifications, each once: the first time counts.

{_id: send key|device|kind|action, send, device, kind, action, at}
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from shared.flow.course import A_DECADE, delay_buckets
from shared.flow.full_report import Interactions, quantiles
from shared.store.errors import only_duplicates

MOST: Final = 100
"""Actions that a report names, and things that the story of one device tells: a device may tell any number."""
Kind = Literal["received", "opened", "dismissed", "action"]


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a device told about a send, given by its key."""

    send: str
    device: bytes
    kind: Kind
    action: str | None
    at: datetime


class InteractionBook:
    """The collection `interactions`."""

    INDEXES: Final = (IndexModel([("send", 1), ("kind", 1)]),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._told = database["interactions"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._told.create_indexes(list(self.INDEXES))

    async def note(self, told: Sequence[Told]) -> int:
        """Keeps what is new of it; returns how much that was."""
        documents = {
            f"{_key(one.send, one.device)}{one.kind}|{one.action or ''}": {
                "send": one.send, "device": one.device, "kind": one.kind, "action": one.action, "at": one.at
            }
            for one in reversed(told)
        }  # fmt: skip
        try:
            if documents:
                found = [{"_id": key, **one} for key, one in documents.items()]
                return len((await self._told.insert_many(found, ordered=False)).inserted_ids)
        except BulkWriteError as error:
            if not only_duplicates(error):
                raise
            return int((error.details or {}).get("nInserted", 0))
        return 0

    async def of_device(self, send: str, device: bytes) -> list[Told]:
        """What one device told about a send, in order; the first that it told of very much."""
        key = _key(send, device)
        found = self._told.find({"_id": {"$gte": key, "$lt": key[:-1] + "}"}}).sort("at", 1).limit(MOST)
        return [Told(send, device, one["kind"], one["action"], one["at"]) async for one in found]

    async def of_send(self, send: str, since: datetime, delivered: int) -> Interactions:
        """What all devices told about a send; how long they took is measured from `since`."""
        found = (await (await self._told.aggregate(_stages(send, since))).to_list())[0]
        kinds = {one["_id"]: one["n"] for one in found["kinds"]}
        delays = delay_buckets(Counter({int(one["_id"]): one["n"] for one in found["delays"]}))
        opened = kinds.get("opened", 0)
        return Interactions(
            received=kinds.get("received", 0),
            opened=opened,
            dismissed=kinds.get("dismissed", 0),
            actions={one["_id"]: one["n"] for one in sorted(found["actions"], key=lambda one: one["_id"])},
            open_rate=round(opened / delivered, 6) if delivered else None,
            seconds_to_open=quantiles(delays) if opened else None,
        )

    async def forget(self, send: str) -> None:
        """Removes what was told about a send."""
        await self._told.delete_many({"send": send})

    async def forget_devices(self, devices: Sequence[bytes]) -> int:
        """Removes what these devices told."""
        return (await self._told.delete_many({"device": {"$in": list(devices)}})).deleted_count


def _stages(send: str, since: datetime) -> list[dict[str, Any]]:
    delay = {"$max": [1, {"$subtract": ["$at", since]}]}
    n = {"$sum": 1}
    return [
        {"$match": {"send": send}},
        {
            "$facet": {
                "kinds": [{"$group": {"_id": "$kind", "n": n}}],
                "actions": [
                    {"$match": {"kind": "action"}},
                    {"$group": {"_id": "$action", "n": n}},
                    {"$sort": {"n": -1, "_id": 1}},
                    {"$limit": MOST},
                ],
                "delays": [
                    {"$match": {"kind": "opened"}},
                    {"$group": {"_id": {"$floor": {"$multiply": [A_DECADE, {"$log10": delay}]}}, "n": n}},
                ],
            }
        },
    ]


def _key(send: str, device: bytes) -> str:
    return f"{send}|{device.hex()}|"
