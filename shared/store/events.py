"""Events: how a planned send went on, numbered from 1 without a gap, so that whoever follows it can resume.

{_id: send key|number, n, at, state, done: chunks and retries with a record, body: the `Report` as JSON}
Written by whichever reporter has just summed; of two at once one gets the number. A small send has none: derived.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from shared.flow.report import Report
from shared.flow.timing import MAX_TTL

KEPT: Final = 2 * MAX_TTL
BEFORE: Final = 8
"""Digits of a number, so that keys sort by it."""


@dataclass(frozen=True, slots=True)
class Event:
    """One of a send's events."""

    n: int
    report: Report


class Events:
    """The collection `events`."""

    INDEXES: Final = (IndexModel([("at", 1)], expireAfterSeconds=int(KEPT.total_seconds())),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._events = database["events"].with_options(read_concern=ReadConcern("majority"))

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._events.create_indexes(list(self.INDEXES))

    async def append(self, key: str, report: Report, now: datetime, apart: timedelta) -> timedelta:
        """Adds an event if there is news and the last is so long ago; else says how long that still is.

        The end of a send never waits, and is its last event.
        """
        done, over = report.chunks_recorded + report.retries_recorded, report.state == "finished"
        while True:
            last = await self._last(key)
            if last is not None and (last["state"] == "finished" or (done <= last["done"] and not over)):
                return timedelta()
            since: timedelta = apart if last is None or over else now - last["at"]
            if since < apart:
                return min(apart, apart - since)
            n = 1 if last is None else last["n"] + 1
            body = report.model_dump_json(exclude_defaults=True).encode()
            try:
                await self._events.insert_one(
                    {"_id": _id(key, n), "n": n, "at": now, "state": report.state, "done": done, "body": body}
                )
            except DuplicateKeyError:
                continue
            return timedelta()

    async def after(self, key: str, n: int, most: int) -> list[Event]:
        """The first events of a send behind this number, in order; one read."""
        found = self._events.find({"_id": {"$gte": _id(key, n + 1), "$lt": _end(key)}}, {"n": 1, "body": 1})
        return [_event(one) for one in await found.sort("_id", 1).limit(most).to_list(None)]

    async def last(self, key: str, most: int) -> list[Event]:
        """The last events of a send, in order; one read."""
        found = self._events.find({"_id": {"$gte": _id(key, 0), "$lt": _end(key)}}, {"n": 1, "body": 1})
        return [_event(one) for one in reversed(await found.sort("_id", -1).limit(most).to_list(None))]

    async def forget(self, key: str) -> None:
        """Removes the events of a send."""
        await self._events.delete_many({"_id": {"$gte": _id(key, 0), "$lt": _end(key)}})

    async def _last(self, key: str) -> dict[str, Any] | None:
        where = {"_id": {"$gte": _id(key, 0), "$lt": _end(key)}}
        return await self._events.find_one(where, {"body": 0}, sort=[("_id", -1)])


def _event(found: dict[str, Any]) -> Event:
    return Event(found["n"], Report.model_validate_json(found["body"]))


def _id(key: str, n: int) -> str:
    return f"{key}|{n:0{BEFORE}}"


def _end(key: str) -> str:
    """Sorts behind all events of a send."""
    return f"{key}}}"
