"""Windows of the anomaly gate: one row for each variant and hour in which tokens were judged, and what it came to.

{_id: variant/start in ms, app, variant, platform, start, due, looks, results, suspects, devices, decision, why,
 judged_at, done}
A window is decided once, by a conditional update; carrying the decision out may be repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, cast

from pymongo import IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from shared.flow.hygiene import Tally
from shared.store.errors import only_duplicates

KEPT: Final = timedelta(days=90)
NOTHING: Final = Tally()
Decision = Literal["passed", "tripped"]


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a variant; `decision` is None as long as it is open."""

    id: str
    app: str
    variant: str
    platform: str
    start: datetime
    due: datetime
    looks: int = 0
    tally: Tally = NOTHING
    devices: int = 0
    decision: Decision | None = None
    why: str = ""
    judged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """So many windows of a variant were decided alike on a day."""

    day: date
    variant: str
    decision: Decision
    windows: int
    suspects: int


class Windows:
    """The collection `hygiene_windows`."""

    INDEXES: Final = (
        IndexModel([("due", 1)], partialFilterExpression={"done": False}),
        IndexModel([("app", 1), ("judged_at", -1)]),
        IndexModel([("variant", 1), ("start", 1)]),
        IndexModel([("start", 1)], expireAfterSeconds=int(KEPT.total_seconds())),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._windows = database["hygiene_windows"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._windows.create_indexes(list(self.INDEXES))

    async def open(self, windows: Sequence[Window]) -> None:
        """Makes sure that these windows are there."""
        operations = [
            UpdateOne(
                {"_id": one.id},
                {
                    "$setOnInsert": {
                        "app": one.app, "variant": one.variant, "platform": one.platform, "start": one.start,
                        "due": one.due, "looks": 0, "decision": None, "done": False,
                    }
                },
                upsert=True,
            )
            for one in windows
        ]  # fmt: skip
        try:
            if operations:
                await self._windows.bulk_write(operations, ordered=False)
        except BulkWriteError as error:  # two upserts of one window at the same time
            if not only_duplicates(error):
                raise

    async def get(self, window: str) -> Window | None:
        """One window."""
        found = await self._windows.find_one({"_id": window})
        return _window(found) if found else None

    async def many(self, windows: Sequence[str]) -> dict[str, Window]:
        """These windows by id."""
        return {one["_id"]: _window(one) async for one in self._windows.find({"_id": {"$in": list(windows)}})}

    async def due(self, now: datetime) -> Window | None:
        """A window whose time has come and whose decision is not carried out to the end."""
        found = await self._windows.find_one({"done": False, "due": {"$lte": now}}, sort=[("due", 1)])
        return _window(found) if found else None

    async def decide(
        self, window: str, decision: Decision, why: str, tally: Tally, devices: int, now: datetime
    ) -> bool:
        """Decides an open window; False if another was first: then his decision holds."""
        change = {
            "decision": decision, "why": why, "results": tally.results, "suspects": tally.suspects,
            "devices": devices, "judged_at": now,
        }  # fmt: skip
        done = await self._windows.update_one({"_id": window, "decision": None}, {"$set": change})
        return done.modified_count == 1

    async def looked(self, window: Window, again: datetime | None) -> None:
        """The decision was carried out; once more at `again`, or never."""
        change: dict[str, Any] = {"done": True} if again is None else {"due": again}
        await self._windows.update_one(
            {"_id": window.id, "looks": window.looks}, {"$set": change | {"looks": window.looks + 1}}
        )

    async def normal(self, variant: str, since: datetime) -> list[Tally]:
        """What the windows of a variant that passed came to."""
        where = {"variant": variant, "start": {"$gte": since}, "decision": "passed"}
        found = self._windows.find(where, {"results": 1, "suspects": 1})
        return [Tally(one["results"], one["suspects"]) async for one in found]

    async def judged(self, app: str, first: date, last: date) -> list[Judged]:
        """The same by day (UTC), variant and decision, from the first day to the last, both included."""
        start, end = (datetime.combine(one, time(), UTC) for one in (first, last + timedelta(days=1)))
        day = {"$dateTrunc": {"date": "$judged_at", "unit": "day"}}
        stages: list[dict[str, Any]] = [
            {"$match": {"app": app, "judged_at": {"$gte": start, "$lt": end}, "suspects": {"$gt": 0}}},
            {
                "$group": {
                    "_id": {"day": day, "variant": "$variant", "decision": "$decision"},
                    "windows": {"$sum": 1}, "suspects": {"$sum": "$suspects"},
                }
            },
            {"$sort": {"_id": 1}},
        ]  # fmt: skip
        found = await (await self._windows.aggregate(stages)).to_list()
        return [
            Judged(
                one["_id"]["day"].date(), one["_id"]["variant"], cast("Decision", one["_id"]["decision"]),
                one["windows"], one["suspects"],
            )
            for one in found
        ]  # fmt: skip

    async def decided(self, app: str, most: int) -> list[Window]:
        """The app's last decisions about suspects, the newest first."""
        where = {"app": app, "judged_at": {"$exists": True}, "suspects": {"$gt": 0}}
        found = self._windows.find(where).sort("judged_at", -1).limit(most)
        return [_window(one) async for one in found]

    async def tripped(self, app: str, since: datetime) -> list[Window]:
        """The app's windows that tripped the gate at that time or later."""
        found = self._windows.find({"app": app, "judged_at": {"$gte": since}, "decision": "tripped"})
        return [_window(one) async for one in found.sort("judged_at", 1)]


def window_id(variant: str, start: datetime) -> str:
    """The id of a variant's window."""
    return f"{variant}/{int(start.timestamp() * 1000)}"


def _window(found: dict[str, Any]) -> Window:
    return Window(
        found["_id"], found["app"], found["variant"], found["platform"], found["start"], found["due"],
        found["looks"], Tally(found.get("results", 0), found.get("suspects", 0)), found.get("devices", 0),
        cast("Decision | None", found["decision"]), found.get("why", ""), found.get("judged_at"),
    )  # fmt: skip
