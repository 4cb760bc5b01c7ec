"""Sends: what was asked for and accepted, and what was refused readably. Inserted once.

{_id: send key, app, accepted_at, deadline, small, rejected, body: the `Send` as JSON; purged: true, once it is}
and of a scheduled one {begins_at, revision, begun}: it may be replaced until it has `begun`, and never changes after.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from pydantic import ValidationError
from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from shared.flow.plan import Plan
from shared.flow.send import Send
from shared.flow.timing import FOREVER
from shared.store.errors import only_duplicates

SCHEDULED: Final = {"begins_at": {"$exists": True}}

log = structlog.get_logger()


class Sends:
    """The collection `sends`."""

    INDEXES: Final = (
        IndexModel([("app", 1), ("accepted_at", -1), ("_id", -1)]),
        IndexModel([("accepted_at", 1)]),
        IndexModel([("app", 1), ("purged", 1), ("deadline", 1)], partialFilterExpression=SCHEDULED),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._sends = database["sends"]
        self._durable = self._sends.with_options(read_concern=ReadConcern("majority"))

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._sends.create_indexes(list(self.INDEXES))

    async def insert(self, sends: Sequence[Send]) -> set[str]:
        """Stores sends with majority; returns the keys of those that were there before (the first one counts)."""
        try:
            await self._sends.insert_many([_document(send) for send in sends], ordered=False)
        except BulkWriteError as error:
            if not only_duplicates(error):
                raise
            return {one["op"]["_id"] for one in (error.details or {}).get("writeErrors", ())}
        return set()

    async def get(self, key: str) -> Send | None:
        """One send by its key."""
        found = await self._durable.find_one({"_id": key}, {"body": 1})
        return Send.model_validate_json(found["body"]) if found else None

    async def many(self, keys: Iterable[str]) -> dict[str, Send]:
        """Those of these sends that there are, by key; one read."""
        found = self._durable.find({"_id": {"$in": list(keys)}}, {"body": 1})
        return {one["_id"]: Send.model_validate_json(one["body"]) for one in await found.to_list(None)}

    async def planned(self, key: str) -> tuple[Send, Plan | None] | None:
        """One send with its plan, if there is one: one read."""
        plan = {"$lookup": {"from": "plans", "localField": "_id", "foreignField": "_id", "as": "plan"}}
        stages: list[dict[str, Any]] = [{"$match": {"_id": key}}, plan, {"$project": {"body": 1, "plan.body": 1}}]
        found = await (await self._durable.aggregate(stages)).to_list()
        if not found:
            return None
        plans = [Plan.model_validate_json(one["body"]) for one in found[0]["plan"]]
        return Send.model_validate_json(found[0]["body"]), plans[0] if plans else None

    async def accepted(self, keys: Iterable[str]) -> dict[str, datetime]:
        """When those of these sends were accepted that there are, and that were neither rejected nor purged."""
        where = {"_id": {"$in": list(keys)}, "rejected": False, "purged": {"$ne": True}}
        found = self._sends.find(where, {"accepted_at": 1})
        return {one["_id"]: one["accepted_at"] async for one in found}

    async def past(self, app: str, after: datetime, before: datetime, limit: int) -> list[Send]:
        """An app's sends accepted in `[after, before)` that are not purged yet, oldest first; no scheduled ones."""
        at = {"$gte": after, "$lt": before}
        where = {"app": app, "accepted_at": at, "purged": {"$ne": True}, "begins_at": {"$exists": False}}
        found = self._durable.find(where, {"body": 1, "accepted_at": 1}).sort([("accepted_at", 1), ("_id", 1)])
        return _those_readable(await found.limit(limit).to_list(None))

    async def scheduled_past(self, app: str, before: datetime, over: datetime, skip: int, limit: int) -> list[Send]:
        """Its scheduled sends accepted before a moment that are not purged yet, of those whose deadline is past or that
        are repeated without an end; `skip` so many of them. Most begin long after they were accepted.
        """
        ended = [{"deadline": {"$lt": over}}, {"deadline": {"$gte": FOREVER}}]
        where = {"app": app, **SCHEDULED, "purged": None, "accepted_at": {"$lt": before}, "$or": ended}
        found = self._durable.find(where, {"body": 1, "accepted_at": 1}).sort([("deadline", 1), ("_id", 1)])
        return _those_readable(await found.skip(skip).limit(limit).to_list(None))

    async def rewrite(self, send: Send) -> bool:
        """The same send, which names somebody no more; False: it was purged or replaced since it was read."""
        body = send.model_dump_json(exclude_defaults=True).encode()
        where = {"_id": send.key, "purged": {"$ne": True}, "revision": _stored(send.revision)}
        return (await self._sends.update_one(where, {"$set": {"body": body}})).matched_count == 1

    async def purge(self, send: Send) -> None:
        """Puts what is left of a send in its place."""
        body = send.model_dump_json(exclude_defaults=True).encode()
        await self._sends.update_one({"_id": send.key}, {"$set": {"body": body, "purged": True}})

    async def begin(self, key: str, now: datetime) -> tuple[Send, datetime] | None:
        """The scheduled send as it is for good from now on, and when it first was to begin; None: it is not yet time.

        Who replaces it meanwhile was there before, and that is what begins; or comes too late.
        """
        found = await self._sends.find_one_and_update(
            {"_id": key, "begins_at": {"$lte": now}},
            [{"$set": {"begun": {"$ifNull": ["$begun", now]}}}],
            projection={"body": 1, "begun": 1},
            return_document=ReturnDocument.AFTER,
        )
        return (Send.model_validate_json(found["body"]), found["begun"]) if found else None

    async def end(self, send: Send, now: datetime) -> bool:
        """It is over, whether it ever began or not: nothing replaces it any more. False: it was replaced meanwhile."""
        where = {"_id": send.key, "revision": _stored(send.revision)}
        ended = [{"$set": {"begun": {"$ifNull": ["$begun", now]}}}]
        return (await self._sends.update_one(where, ended)).matched_count == 1

    async def waits(self, send: Send) -> bool:
        """Whether a newer revision could be put in its place now."""
        return await self._sends.find_one(_unbegun(send.key, send.revision), {"_id": 1}) is not None

    async def replace(self, send: Send) -> bool:
        """A newer revision of a scheduled send; False: it has begun or ended, or another replaced it first."""
        where = _unbegun(send.key, send.revision - 1)
        document = {name: value for name, value in _document(send).items() if name not in {"_id", "accepted_at"}}
        return (await self._sends.update_one(where, {"$set": document})).matched_count == 1

    async def latest(self, app: str, limit: int, before: tuple[datetime, str] | None = None) -> list[Send]:
        """An app's sends, newest first, a page at a time; `before` is time and key of the last one seen."""
        older: dict[str, Any] = {}
        if before is not None:
            at, key = before
            older = {"$or": [{"accepted_at": {"$lt": at}}, {"accepted_at": at, "_id": {"$lt": key}}]}
        found = self._sends.find({"app": app, **older}, {"body": 1}).sort([("accepted_at", -1), ("_id", -1)])
        return [Send.model_validate_json(one["body"]) for one in await found.limit(limit).to_list(None)]

    async def listed(self, app: str, skip: int, limit: int) -> list[Send]:
        """The same by number, for those who page so: newest first, from this one on."""
        found = self._sends.find({"app": app}, {"body": 1}).sort([("accepted_at", -1), ("_id", -1)]).skip(skip)
        return [Send.model_validate_json(one["body"]) for one in await found.limit(limit).to_list(None)]

    async def count(self, app: str, most: int) -> int:
        """How many an app has; `most` if there are more."""
        return await self._sends.count_documents({"app": app}, limit=most)

    async def accepted_between(
        self, after: datetime, until: datetime, limit: int
    ) -> list[tuple[datetime, Send | None]]:
        """Across apps, for the sweep: sends accepted in `(after, until]`, oldest first, rejected ones left out.

        None stands for one that this version cannot read: it must not hold up the others.
        """
        found = self._durable.find(
            {"accepted_at": {"$gt": after, "$lte": until}, "rejected": False}, {"body": 1, "accepted_at": 1}
        ).sort("accepted_at", 1)
        return [(one["accepted_at"], _readable(one)) async for one in found.limit(limit)]


def _unbegun(key: str, revision: int) -> dict[str, Any]:
    return {"_id": key, "begun": {"$exists": False}, "revision": _stored(revision)}


def _stored(revision: int) -> Any:
    """The first is not written down of sends that are not scheduled."""
    return revision or {"$in": [0, None]}


def _those_readable(found: Iterable[dict[str, Any]]) -> list[Send]:
    return [send for send in map(_readable, found) if send is not None]


def _readable(found: dict[str, Any]) -> Send | None:
    try:
        return Send.model_validate_json(found["body"])
    except ValidationError:
        log.exception("send_unreadable", send=found["_id"])
        return None


def _document(send: Send) -> dict[str, Any]:
    scheduled = {"begins_at": send.begins_at, "revision": send.revision} if send.begins_at is not None else {}
    return {
        "_id": send.key,
        "app": send.app,
        "accepted_at": send.accepted_at,
        "deadline": send.deadline,
        "small": send.small,
        "rejected": bool(send.problems),
        "body": send.model_dump_json(exclude_defaults=True).encode(),
        **scheduled,
    }
