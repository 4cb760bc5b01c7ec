"""The schedule: sends that are still owed something, when to look at them again, and how far they are released.

{_id: send key, app, lane, small, check_at, wait, closes_at, released: {platform: slices}}
A send is here from its plan on (a small one only if a sweep found it open) until everything has a record.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.identity import split_send_key
from shared.flow.lane import Lane
from shared.flow.send import Send


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A send that is owed something. `wait` is how long the next look is put off, doubling."""

    key: str
    app: str
    lane: Lane
    small: bool
    check_at: datetime
    wait: timedelta
    closes_at: datetime
    released: dict[str, int]
    seen: int = 0
    """How many chunks had a record at the last look."""


class Schedule:
    """The collection `schedule`, and the watermark up to which sends were swept once (`sweeps`)."""

    INDEXES: Final = (IndexModel([("check_at", 1)]),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._schedule = database["schedule"]
        self._sweeps = database["sweeps"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._schedule.create_indexes(list(self.INDEXES))

    async def add(self, send: Send, check_at: datetime, wait: timedelta) -> None:
        """Puts a send on the schedule; one that is on it stays as it is."""
        await self._schedule.update_one(
            {"_id": send.key},
            {
                "$setOnInsert": {
                    "app": send.app, "lane": str(send.lane), "small": send.small, "check_at": check_at,
                    "wait": wait.total_seconds(), "closes_at": send.closes_at, "released": {},
                }
            },
            upsert=True,
        )  # fmt: skip

    async def get(self, key: str) -> Scheduled | None:
        """One entry."""
        found = await self._schedule.find_one({"_id": key})
        return _scheduled(found) if found else None

    async def unreleased(self, limit: int) -> list[Scheduled]:
        """Across apps, for the feeder: planned sends with slices not yet on the bus."""
        found = self._schedule.find({"small": False, "done": {"$ne": True}}).limit(limit)
        return [_scheduled(one) for one in await found.to_list(None)]

    async def release(self, key: str, platform: str, before: int, after: int) -> bool:
        """Moves the release of a platform on from `before` slices to `after`; False if another planner did."""
        old: Any = before or {"$in": [None, 0]}
        done = await self._schedule.update_one(
            {"_id": key, f"released.{platform}": old}, {"$set": {f"released.{platform}": after}}
        )
        return done.modified_count == 1

    async def released_all(self, key: str) -> None:
        """Every slice of this send has been on the bus: the feeder need not look at it again."""
        await self._schedule.update_one({"_id": key}, {"$set": {"done": True}})

    async def due(self, now: datetime, lease: timedelta) -> Scheduled | None:
        """Across apps, for the sweep: takes one send whose time has come; other planners see it after `lease` again."""
        found = await self._schedule.find_one_and_update(
            {"check_at": {"$lte": now}},
            {"$set": {"check_at": now + lease}},
            sort=[("check_at", 1)],
            return_document=ReturnDocument.BEFORE,
        )
        return _scheduled(found) if found else None

    async def check_again(self, key: str, at: datetime, wait: timedelta, seen: int) -> None:
        """Looks at this send again then; `seen` is how many chunks have a record now."""
        await self._schedule.update_one(
            {"_id": key}, {"$set": {"check_at": at, "wait": wait.total_seconds(), "seen": seen}}
        )

    async def check_by(self, send: Send, at: datetime, wait: timedelta) -> None:
        """Looks at this send then at the latest: a record owes something that no wait queue is long enough for."""
        await self.add(send, at, wait)
        await self._schedule.update_one({"_id": send.key}, {"$min": {"check_at": at}})

    async def remove(self, key: str) -> None:
        """Nothing is owed to this send any more."""
        await self._schedule.delete_one({"_id": key})

    async def swept_until(self, start: datetime) -> datetime:
        """Across apps: sends accepted up to this moment were looked at once; `start` if there was no sweep yet."""
        found = await self._sweeps.find_one({"_id": "accepted"})
        if found is None:
            try:
                await self._sweeps.insert_one({"_id": "accepted", "until": start})
            except DuplicateKeyError:
                return await self.swept_until(start)
            return start
        until: datetime = found["until"]
        return until

    async def sweep_on(self, before: datetime, after: datetime) -> bool:
        """Moves the watermark on; False if another planner did."""
        done = await self._sweeps.update_one({"_id": "accepted", "until": before}, {"$set": {"until": after}})
        return done.modified_count == 1


def _scheduled(found: dict[str, Any]) -> Scheduled:
    return Scheduled(
        found["_id"], split_send_key(found["_id"])[0], Lane(found["lane"]), found["small"], found["check_at"],
        timedelta(seconds=found["wait"]), found["closes_at"], dict(found["released"]), found.get("seen", 0),
    )  # fmt: skip
