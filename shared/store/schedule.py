"""The schedule: sends that are still owed something, when to look at them again, and how far they are released.

{_id: send key, app, lane, small, check_at, wait, seen, released: {variant: slices}, feeding: while slices wait,
begun: while some may be on the bus}
A send is here from its plan on (a small one only if a sweep found it open) until everything has a record.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

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
    """When to look; for one that was taken, when another planner may."""
    wait: timedelta
    released: dict[str, int]
    seen: int = 0
    """How many chunks had a record at the last look."""
    begun: bool = False
    """Whether slices of it may be on the bus."""
    paced: float = 0.0
    """Until when a send that is spread was released, in seconds since 1970."""
    sampled_at: datetime | None = None
    """When the last answer of its canary's sample was in."""
    judged: bool = False
    """Whether it was decided what follows from the canary."""


class Schedule:
    """The collection `schedule`."""

    INDEXES: Final = (
        IndexModel([("check_at", 1)]),
        IndexModel([("feeding", 1), ("lane", 1), ("_id", 1)], partialFilterExpression={"feeding": True}),
        IndexModel([("begun", 1), ("lane", 1)], partialFilterExpression={"begun": True}),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._schedule = database["schedule"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._schedule.create_indexes(list(self.INDEXES))

    async def add(self, send: Send, check_at: datetime, wait: timedelta) -> None:
        """Puts a send on the schedule; one that is on it stays as it is."""
        entry = {
            "app": send.app,
            "lane": str(send.lane),
            "small": send.small,
            "check_at": check_at,
            "wait": wait.total_seconds(),
            "released": {},
        }
        feeding = {} if send.small or send.begins_at is not None else {"feeding": True}
        await self._schedule.update_one({"_id": send.key}, {"$setOnInsert": entry | feeding}, upsert=True)

    async def feed(self, key: str) -> None:
        """A send that had been waiting for its moment is planned: its slices may be released."""
        await self._schedule.update_one({"_id": key}, {"$set": {"feeding": True}})

    async def put_off(self, send: Send, at: datetime, wait: timedelta) -> None:
        """Looks at a scheduled send when it is to begin, sooner or later than was said before."""
        said = {
            "app": send.app, "lane": str(send.lane), "small": send.small, "check_at": at, "wait": wait.total_seconds(),
        }  # fmt: skip
        await self._schedule.update_one(
            {"_id": send.key}, {"$set": said, "$setOnInsert": {"released": {}}}, upsert=True
        )

    async def unreleased(self, lane: Lane, limit: int, without: Collection[str] = ()) -> list[Scheduled]:
        """Across apps, for the feeder: planned sends with slices that are not on the bus or not worked yet."""
        others = {"_id": {"$nin": list(without)}} if without else {}
        found = self._schedule.find({"feeding": True, "lane": str(lane), **others}).sort("_id", 1).limit(limit)
        return [_scheduled(one) for one in await found.to_list(None)]

    async def waiting(self, lane: Lane) -> list[str]:
        """The keys of all of these, across apps; answered from the index."""
        found = self._schedule.find({"feeding": True, "lane": str(lane)}, {"_id": 1})
        return [one["_id"] for one in await found.to_list(None)]

    async def some(self, keys: Iterable[str]) -> list[Scheduled]:
        """Of these sends those that are fed."""
        found = self._schedule.find({"_id": {"$in": list(keys)}, "feeding": True})
        return [_scheduled(one) for one in await found.to_list(None)]

    async def on_the_bus(self, lane: Lane) -> list[Scheduled]:
        """Across apps: sends that are fed and may have slices on the bus; hardly more than the windows hold."""
        found = self._schedule.find({"begun": True, "lane": str(lane)})
        return [_scheduled(one) for one in await found.to_list(None)]

    async def rests(self, entry: Scheduled) -> None:
        """Nothing of this send is on the bus, unless another planner released something since it was read."""
        one = {"_id": entry.key, "released": entry.released}
        await self._schedule.update_one(one, {"$unset": {"begun": ""}})

    async def release(
        self, key: str, variant: str, before: int, after: int, paced: tuple[float, float] | None = None
    ) -> bool:
        """Moves the release of a variant's slices on from `before` slices to `after`; False if another planner did.

        `paced`: of a send that is spread, until when it had been released (seconds since 1970), and until when now.
        """
        old: Any = before or {"$in": [None, 0]}
        where: dict[str, Any] = {"_id": key, f"released.{variant}": old}
        change: dict[str, Any] = {f"released.{variant}": after, "begun": True}
        if paced is not None:
            where["paced"], change["paced"] = paced[0] or {"$in": [None, 0]}, paced[1]
        return (await self._schedule.update_one(where, {"$set": change})).modified_count == 1

    async def sampled(self, key: str, now: datetime) -> None:
        """The canary's sample has all its records, for the first time."""
        await self._schedule.update_one({"_id": key, "sampled_at": None}, {"$set": {"sampled_at": now}})

    async def judge(self, key: str) -> bool:
        """Whether it is ours to say that the canary was judged; another planner may have."""
        done = await self._schedule.update_one({"_id": key, "judged": {"$ne": True}}, {"$set": {"judged": True}})
        return done.modified_count == 1

    async def released_all(self, key: str) -> None:
        """Every slice of this send has been on the bus: the feeder need not look at it again."""
        await self._schedule.update_one({"_id": key}, {"$unset": {"feeding": "", "begun": ""}})

    async def due(self, now: datetime, lease: timedelta) -> Scheduled | None:
        """Across apps, for the sweep: takes one send whose time has come; other planners see it after `lease` again."""
        found = await self._schedule.find_one_and_update(
            {"check_at": {"$lte": now}},
            {"$set": {"check_at": now + lease}},
            sort=[("check_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return _scheduled(found) if found else None

    async def check_again(self, entry: Scheduled, at: datetime, wait: timedelta, seen: int) -> None:
        """Looks at this send again then, or sooner if a worker asked for that since it was taken.

        `seen` is how many chunks have a record now.
        """
        earlier = {"$cond": [{"$eq": ["$check_at", entry.check_at]}, at, {"$min": ["$check_at", at]}]}
        await self._schedule.update_one(
            {"_id": entry.key}, [{"$set": {"check_at": earlier, "wait": wait.total_seconds(), "seen": seen}}]
        )

    async def check_by(self, send: Send, at: datetime, wait: timedelta) -> None:
        """Looks at this send then at the latest: a record owes something that no wait queue is long enough for."""
        await self.add(send, at, wait)
        await self._schedule.update_one({"_id": send.key}, {"$min": {"check_at": at}})

    async def remove(self, key: str) -> None:
        """Nothing is owed to this send any more."""
        await self._schedule.delete_one({"_id": key})


def _scheduled(found: dict[str, Any]) -> Scheduled:
    return Scheduled(
        key=found["_id"],
        app=split_send_key(found["_id"])[0],
        lane=Lane(found["lane"]),
        small=found["small"],
        check_at=found["check_at"],
        wait=timedelta(seconds=found["wait"]),
        released=dict(found["released"]),
        seen=found.get("seen", 0),
        begun=found.get("begun", False),
        paced=found.get("paced", 0.0),
        sampled_at=found.get("sampled_at"),
        judged=found.get("judged", False),
    )
