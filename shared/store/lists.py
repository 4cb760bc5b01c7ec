"""Lists: named recipients too many to travel in a send, in parts of at most 1 MB.

{_id: <send key>/<list>/<part>, app, values: [...]}; the lists are `users`, `devices`, `tokens/<variant>` and, users
with their values as JSON, `recipients`.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.identity import split_send_key
from shared.flow.plan import ListRange
from shared.flow.send import PERSONAL, Send
from shared.flow.stored_list import parts


class Lists:
    """The collection `lists`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._lists = database["lists"]

    async def ensure(self) -> None:
        """Only `_id` is needed."""

    async def insert(self, name: str, values: Sequence[str]) -> list[int]:
        """Stores a list; returns the lengths of its parts. Safe to repeat: the first writing of a part counts."""
        lengths = []
        for number, part in enumerate(parts(values)):
            document = {"app": split_send_key(name)[0], "values": list(part)}
            await self._lists.update_one({"_id": f"{name}/{number}"}, {"$setOnInsert": document}, upsert=True)
            lengths.append(len(part))
        return lengths

    async def read(self, name: str, part: int, start: int, end: int) -> list[str]:
        """Positions `start` to `end` of a part; empty if the list is gone."""
        if end <= start:  # $slice takes no length of 0
            return []
        found = await self._lists.find_one({"_id": f"{name}/{part}"}, {"values": {"$slice": [start, end - start]}})
        return list(found["values"]) if found else []

    async def whole(self, send: Send, name: str) -> list[str]:
        """Every value of a list of this send; empty if it has no such list."""
        parts = [
            await self.read(send.list_name(name), part, 0, length)
            for part, length in enumerate(send.lists.get(name, ()))
        ]
        return [value for part in parts for value in part]

    async def forget(self, send: str) -> None:
        """Removes all lists of a send."""
        await self._lists.delete_many({"_id": {"$gte": f"{send}/", "$lt": f"{send}0"}})

    async def holds(self, name: str, value: str) -> bool:
        """Whether a list names this one."""
        parts_ = {"_id": {"$gte": f"{name}/", "$lt": f"{name}0"}}  # 0 comes behind the slash
        return await self._lists.find_one({**parts_, "values": value}, {"_id": 1}) is not None

    async def holds_user(self, send: Send, user: str) -> bool:
        """Whether the list of a send's users names this one, with values of its own or without."""
        name = send.list_name(send.list_for(""))
        if PERSONAL not in send.lists:
            return await self.holds(name, user)
        parts_ = {"_id": {"$gte": f"{name}/", "$lt": f"{name}0"}}
        return await self._lists.find_one({**parts_, "values": {"$regex": personal(user)}}, {"_id": 1}) is not None

    async def of_user(self, send: Send, user: str) -> dict[str, Any] | None:
        """What the list of recipients says of one user; None if it does not name this one."""
        name, entry = send.list_name(PERSONAL), {"$regex": personal(user)}
        where = {"_id": {"$gte": f"{name}/", "$lt": f"{name}0"}, "values": entry}
        found = await self._lists.find_one(where, {"values": {"$elemMatch": entry}})
        return json.loads(found["values"][0])[1] if found else None

    async def named(self, send: Send, variant: str, where: ListRange) -> list[str]:
        """The recipients at these positions for one variant: in the send itself (part -1), or in a stored part."""
        audience = send.request.audience
        if where.part < 0:
            own = (
                audience.tokens.get(variant, ()) if audience.tokens is not None else audience.users or audience.devices
            )
            return list((own or ())[where.start : where.end])
        found = await self.read(send.list_name(send.list_for(variant)), where.part, where.start, where.end)
        return [json.loads(one)[0] for one in found] if PERSONAL in send.lists else found

    async def values(self, send: Send, where: ListRange) -> dict[str, dict[str, Any]]:
        """What the send says of each of the users at these positions."""
        if where.part < 0:
            return send.request.values or {}
        found = await self.read(send.list_name(PERSONAL), where.part, where.start, where.end)
        return dict(map(json.loads, found))


def personal(user: str) -> str:
    """What an entry with values of this user's begins like, as a regular expression."""
    return "^" + re.escape(json.dumps([user], ensure_ascii=False)[:-1] + ",")
