"""The outbox of webhooks: what is to be told to whom; kept until it was, or was given up, then for the app to look at.

{_id: webhook|event, webhook, app, event, kind, send, sequence, data: JSON, at, state: owed | done | dead, due, tries,
 last: {at, status, error, seconds}, ended_at, trace: of a send that is sampled}
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, cast

from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.webhook import EventKind

State = Literal["owed", "done", "dead"]
KEPT: Final = timedelta(days=30)
ITS_TURN: Final = timedelta(milliseconds=300)
"""After so long it is looked again whether an event's turn has come."""


@dataclass(frozen=True, slots=True)
class Call:
    """One event for one webhook. `tries`: how many have ended; one whose process died does not count."""

    id: str
    webhook: str
    app: str
    event: str
    kind: EventKind
    send: str | None
    sequence: int
    data: bytes
    at: datetime
    state: State
    tries: int
    due: datetime | None = None
    status: int | None = None
    error: str = ""
    trace: str = ""


class Outbox:
    """The collection `outbox`."""

    INDEXES: Final = (
        IndexModel([("due", 1), ("sequence", 1)], partialFilterExpression={"state": "owed"}),
        IndexModel([("webhook", 1), ("at", -1)]),
        IndexModel(
            [("webhook", 1), ("send", 1), ("sequence", 1)],
            unique=True,
            partialFilterExpression={"send": {"$type": "string"}},
        ),
        IndexModel([("ended_at", 1)], expireAfterSeconds=int(KEPT.total_seconds())),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._outbox = database["outbox"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._outbox.create_indexes(list(self.INDEXES))

    async def put(  # noqa: PLR0913  # what an event consists of
        self, webhook: str, app: str, event: str, told: tuple[EventKind, bytes], now: datetime,
        send: str | None = None, *, trace: str = "",
    ) -> bool:  # fmt: skip
        """Owes an event to a webhook, once; False if it was owed before. Events of one send are numbered from 1."""
        document = {
            "_id": f"{webhook}|{event}", "webhook": webhook, "app": app, "event": event, "kind": told[0],
            "send": send, "sequence": 0, "data": told[1], "at": now, "state": "owed", "due": now, "tries": 0,
        } | ({"trace": trace} if trace else {})  # fmt: skip
        while True:
            try:
                await self._outbox.insert_one(document | {"sequence": await self._next(webhook, send)})
            except DuplicateKeyError:  # it is there, or another event of the send took the number
                if await self._outbox.find_one({"_id": document["_id"]}, {"_id": 1}) is not None:
                    return False
            else:
                return True

    async def _next(self, webhook: str, send: str | None) -> int:
        if send is None:
            return 0
        last = await self._outbox.find_one({"webhook": webhook, "send": send}, {"sequence": 1}, sort=[("sequence", -1)])
        return 1 + (last["sequence"] if last else 0)

    async def take(
        self, now: datetime, lease: timedelta, busy: Collection[str], full: Collection[str] = ()
    ) -> Call | None:
        """The next that is due, of a webhook that is not busy and of an app that is not `full`; ours for so long.

        No event of a send is tried before each that has a lower number was tried once, maybe by another process.
        """
        where: dict[str, Any] = {"state": "owed", "due": {"$lte": now}, "webhook": {"$nin": list(busy)}}
        if full:
            where["app"] = {"$nin": list(full)}
        while True:
            found = await self._outbox.find_one_and_update(
                where, {"$set": {"due": now + lease}},
                sort=[("due", 1), ("sequence", 1)], return_document=ReturnDocument.AFTER,
            )  # fmt: skip
            call = _call(found) if found else None
            if call is None or not await self._out_of_turn(call):
                return call
            await self._outbox.update_one({"_id": call.id, "state": "owed"}, {"$set": {"due": now + ITS_TURN}})

    async def _out_of_turn(self, call: Call) -> bool:
        if call.sequence <= 1 or call.tries:
            return False
        lower = {"webhook": call.webhook, "send": call.send, "sequence": {"$lt": call.sequence}}
        return await self._outbox.find_one({**lower, "state": "owed", "tries": 0}, {"_id": 1}) is not None

    async def ended(self, call: Call, state: Literal["done", "dead"], last: dict[str, Any], now: datetime) -> None:
        """It was told, or is given up."""
        change = {"state": state, "last": last, "ended_at": now}
        await self._outbox.update_one({"_id": call.id}, {"$set": change, "$unset": {"due": ""}, "$inc": {"tries": 1}})

    async def again(self, call: Call, due: datetime, last: dict[str, Any]) -> None:
        """It is tried again then; not if somebody ended it meanwhile."""
        change = {"$set": {"due": due, "last": last}, "$inc": {"tries": 1}}
        await self._outbox.update_one({"_id": call.id, "state": "owed"}, change)

    async def of_webhook(self, app: str, webhook: str, state: State | None, most: int) -> list[Call]:
        """The last events for a webhook, newest first."""
        where = {"webhook": webhook, "app": app} | ({"state": state} if state else {})
        return [_call(one) async for one in self._outbox.find(where).sort("at", -1).limit(most)]

    async def replay(
        self, app: str, webhook: str, span: tuple[datetime, datetime], events: Sequence[str] | None, now: datetime
    ) -> int:
        """Owes again what has ended: what was told in this span too if its events are named, else what was given up."""
        where: dict[str, Any] = {"app": app, "webhook": webhook, "at": {"$gte": span[0], "$lte": span[1]}}
        where |= {"event": {"$in": list(events)}, "state": {"$ne": "owed"}} if events is not None else {"state": "dead"}
        change = {"$set": {"state": "owed", "due": now, "tries": 0}, "$unset": {"ended_at": ""}}
        return (await self._outbox.update_many(where, change)).modified_count

    async def give_up(self, webhook: str, why: str, now: datetime) -> int:
        """What is owed to a webhook that is not called any more waits for a replay."""
        change = {"state": "dead", "ended_at": now, "last": {"at": now, "status": None, "error": why}}
        where = {"webhook": webhook, "state": "owed"}
        return (await self._outbox.update_many(where, {"$set": change, "$unset": {"due": ""}})).modified_count

    async def forget(self, webhooks: Iterable[str]) -> None:
        """Removes everything of webhooks that are gone."""
        await self._outbox.delete_many({"webhook": {"$in": list(webhooks)}})


def _call(found: dict[str, Any]) -> Call:
    last = found.get("last") or {}
    return Call(
        found["_id"], found["webhook"], found["app"], found["event"], EventKind(found["kind"]), found["send"],
        found["sequence"], bytes(found["data"]), found["at"], cast("State", found["state"]), found["tries"],
        found.get("due"), last.get("status"), last.get("error", ""),
        found.get("trace", ""),
    )  # fmt: skip
