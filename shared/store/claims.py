"""Claims: who works which slice until when. An economy, not a fence: the books hold without them.

{_id, members: [chunks], owner, until, takeovers}; a chunk is in one claim only (unique index on members).
`takeovers` counts claims that ran out and were taken over with the same chunks open; handing back does not count.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

FORGOTTEN_AFTER: Final = 3600
"""Seconds after its end at which a claim is removed by the store."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that is ours. `takeovers` is how often a worker died on it without progress.

    `inherited`: others had (one of) its chunks before, and may have closed some since anybody looked.
    """

    id: str
    members: tuple[str, ...]
    takeovers: int = 0
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class HeldByAnother:
    """A live claim on one of these chunks stands in the way until then."""

    until: datetime


class Claims:
    """The collection `claims`."""

    INDEXES: Final = (
        IndexModel([("members", 1)], unique=True),
        IndexModel([("owner", 1)]),
        IndexModel([("until", 1)], expireAfterSeconds=FORGOTTEN_AFTER),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._claims = database["claims"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._claims.create_indexes(list(self.INDEXES))

    async def take(self, chunks: Sequence[str], owner: str, now: datetime, until: datetime) -> Claim | HeldByAnother:
        """Claims these chunks together, or says who stands in the way. `now` and `until` are the store's time."""
        for tries in range(len(chunks) + 2):
            claim = Claim(secrets.token_hex(8), tuple(chunks), inherited=tries > 0)
            try:
                await self._claims.insert_one(
                    {
                        "_id": claim.id,
                        "members": list(chunks),
                        "owner": owner,
                        "until": until,
                        "takeovers": 0,
                    }
                )
            except DuplicateKeyError:
                found = await self._claims.find({"members": {"$in": list(chunks)}}).to_list(None)
                live = [one for one in found if one["until"] > now]
                if live:
                    return HeldByAnother(max(one["until"] for one in live))
                taken = await self._take_over(found, chunks, owner, until)
                if taken is not None:
                    return taken
            else:
                return claim
        return HeldByAnother(now)

    async def _take_over(
        self, found: list[dict[str, Any]], chunks: Sequence[str], owner: str, until: datetime
    ) -> Claim | None:
        """Takes a run-out claim whole if it covers the same chunks, else clears ours out of it; None: try again."""
        for old in found:
            same = {"_id": old["_id"], "owner": old["owner"], "until": old["until"], "members": old["members"]}
            died = 0 if old.get("handed_back") else 1
            if set(old["members"]) == set(chunks):
                ours = {"$set": {"owner": owner, "until": until}, "$unset": {"handed_back": ""}}
                done = await self._claims.update_one(same, {**ours, "$inc": {"takeovers": died}})
                if done.modified_count:
                    return Claim(old["_id"], tuple(chunks), old["takeovers"] + died, inherited=True)
            elif set(old["members"]) <= set(chunks):
                await self._claims.delete_one(same)
            else:
                await self._claims.update_one(same, {"$pullAll": {"members": list(chunks)}})
        return None

    async def renew(self, owner: str, claims: Iterable[str], until: datetime) -> set[str]:
        """Prolongs the claims of a process, all in one go; returns those that are no longer its own."""
        wanted = list(claims)
        done = await self._claims.update_many({"_id": {"$in": wanted}, "owner": owner}, {"$set": {"until": until}})
        if done.matched_count == len(wanted):
            return set()
        found = self._claims.find({"_id": {"$in": wanted}, "owner": owner}, {"_id": 1})
        return set(wanted) - {one["_id"] async for one in found}

    async def hand_back(self, owner: str, claims: Iterable[str], now: datetime) -> None:
        """Ends claims on drain, so that others need not wait for the lease; this does not count as a death."""
        await self._claims.update_many(
            {"_id": {"$in": list(claims)}, "owner": owner}, {"$set": {"until": now, "handed_back": True}}
        )
