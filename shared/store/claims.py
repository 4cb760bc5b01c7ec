"""Claims: who works which slice until when. An economy, not a fence: the books hold without them.

{_id, members: [chunks], owner, until, takeovers, alone, blamed: [owners], since, handed_back, begun: [chunks],
 doubtful: [chunks]}
A chunk is in one claim only (unique index on members). `takeovers` counts claims that ran out and were taken over with
the same chunks open; handing back does not count. `blamed` are the owners that died with nothing else in hand. `begun`
are those that the holder may have begun to send, all if it does not say so; `doubtful` those that one before had begun
when it died: they may have been sent without a record.

Long, because taking a claim, and what it says of whoever had it before, is one decision over one document.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.suspicion import SUSPECT, suspect
from shared.store.deaths import Deaths
from shared.store.records import Records

FORGOTTEN_AFTER: Final = 3600
"""Seconds after its end at which a claim is removed by the store."""
LOOKED_AT: Final = 50
"""Claims of a dead process; one that had more lately was not alone with any of them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that is ours. `takeovers` is how often a worker died on it without progress.

    `inherited`: others had (one of) its chunks before, and may have closed some since anybody looked.
    `alone`: how often a worker died with nothing else in hand; `elsewhere`: how many others did since, without it.
    """

    id: str
    members: tuple[str, ...]
    takeovers: int = 0
    inherited: bool = False
    alone: int = 0
    elsewhere: int = 0
    doubtful: frozenset[str] = frozenset()
    """Those of its chunks that somebody had begun when he died: nobody knows whether they were sent."""


@dataclass(frozen=True, slots=True)
class HeldByAnother:
    """A live claim on one of these chunks stands in the way until then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Suspected:
    """One of these chunks may be what kills its workers: none was taken, each is to be taken by itself."""


class Claims:
    """The collection `claims`."""

    INDEXES: Final = (
        IndexModel([("members", 1)], unique=True),
        IndexModel([("owner", 1)]),
        IndexModel([("until", 1)], expireAfterSeconds=FORGOTTEN_AFTER),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]], records: Records, deaths: Deaths) -> None:
        self._claims = database["claims"]
        self._records = records
        self._deaths = deaths

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._claims.create_indexes(list(self.INDEXES))

    async def take(  # noqa: PLR0913  # who takes what, and what it means should he die
        self,
        chunks: Sequence[str],
        owner: str,
        now: datetime,
        until: datetime,
        *,
        suspected: bool = False,
        sends: bool = True,
        one_by_one: bool = False,
    ) -> Claim | HeldByAnother | Suspected:
        """Claims these chunks together, or says who stands in the way. `now` and `until` are the store's time.

        `suspected`: of a slice that killed its workers, so under suspicion from the first. `sends` is false for one who
        only closes them: should he die on it, nothing was sent. `one_by_one`: the holder says by `begin` which ones it
        begins, before it sends anything of them.
        """
        least = SUSPECT if suspected else 0
        said: dict[str, Any] = ({} if sends else {"handed_back": True}) | ({"begun": []} if one_by_one else {})
        doubtful: frozenset[str] = frozenset()
        for tries in range(len(chunks) + 2):
            claim = Claim(secrets.token_hex(8), tuple(chunks), least, inherited=tries > 0, doubtful=doubtful)
            if doubtful:
                said["doubtful"] = sorted(doubtful)
            try:
                await self._claims.insert_one(
                    {
                        "_id": claim.id,
                        "members": list(chunks),
                        "owner": owner,
                        "until": until,
                        "takeovers": least,
                        **said,
                    }
                )
            except DuplicateKeyError:
                found = await self._claims.find({"members": {"$in": list(chunks)}}).to_list(None)
                live = [one for one in found if one["until"] > now]
                if live:
                    return HeldByAnother(max(one["until"] for one in live))
                if (
                    sends
                    and len(chunks) > 1
                    and any(suspect(one["takeovers"]) and len(one["members"]) == 1 for one in found)
                ):
                    return Suspected()
                doubtful |= {member for one in found for member in _doubtful(one)} & set(chunks)
                taken = await self._take_over(found, Taker(tuple(chunks), owner, now, until, least, said, doubtful))
                if taken is not None:
                    return taken
            else:
                return claim
        return HeldByAnother(now)

    async def _take_over(self, found: list[dict[str, Any]], taker: "Taker") -> Claim | None:
        """Takes a run-out claim whole if it covers the same chunks, else clears ours out of it; None: try again."""
        for old in found:
            same = {"_id": old["_id"], "owner": old["owner"], "until": old["until"], "members": old["members"]}
            died = not old.get("handed_back")
            held = await self._death(old, taker) if died else 0
            if set(old["members"]) == set(taker.chunks):
                by_itself = died and (held == 1 or bool(old.get("alone")))
                taken = await self._take_whole(old, same, taker, died=died, by_itself=by_itself)
                if taken is not None:
                    return taken
            elif set(old["members"]) <= set(taker.chunks):
                await self._claims.delete_one(same)
            else:
                await self._claims.update_one(same, {"$pullAll": {"members": list(taker.chunks)}})
        return None

    async def _take_whole(
        self, old: dict[str, Any], same: dict[str, Any], taker: "Taker", *, died: bool, by_itself: bool
    ) -> Claim | None:
        takeovers = max(old["takeovers"] + died, taker.least)
        blamed = [*old.get("blamed", ()), *([old["owner"]] if by_itself else ())]
        ours: dict[str, Any] = {"owner": taker.owner, "until": taker.until, "takeovers": takeovers}
        if by_itself:
            ours |= {"blamed": blamed, "since": old.get("since", taker.now)}
        ours |= {**taker.said, "doubtful": sorted(taker.doubtful)}
        gone = {name: "" for name in ("handed_back", "alone", "begun") if name not in ours}
        done = await self._claims.update_one(same, {"$set": ours, "$unset": gone})
        if not done.modified_count:
            return None
        since = ours.get("since", old.get("since"))
        elsewhere = 0
        if since is not None and suspect(takeovers):
            elsewhere = await self._deaths.elsewhere(taker.owner, since, blamed)
        return Claim(
            old["_id"], taker.chunks, takeovers, inherited=True, alone=len(blamed), elsewhere=elsewhere,
            doubtful=taker.doubtful,
        )  # fmt: skip

    async def _death(self, old: dict[str, Any], taker: "Taker") -> int:
        """How many claims its owner had in hand when it died; found out before the first of them is touched."""
        known = await self._deaths.held(old["owner"])
        if known is not None:
            return known
        # All are renewed at once, three times a lease: what ran out long before this one was done with.
        wanted = {"owner": old["owner"], "handed_back": None, "until": {"$gte": old["until"] - taker.length / 2}}
        recent = await self._claims.find(wanted, {"members": 1}).limit(LOOKED_AT).to_list(None)
        closed = await self._records.closed(member for one in recent for member in one["members"])
        open_ = sum(not closed.issuperset(one["members"]) for one in recent)
        return await self._deaths.found(old["owner"], taker.now, max(open_, 1 if len(recent) < LOOKED_AT else 2))

    async def work_alone(self, owner: str, claim: str) -> None:
        """Notes that from now on its worker has nothing else in hand, so that its death speaks against this one."""
        await self._claims.update_one({"_id": claim, "owner": owner}, {"$set": {"alone": True}})

    async def begin(self, owner: str, claim: str, chunks: Sequence[str]) -> bool:
        """These chunks may be sent from now on; False: (one of) them is another's by now, so they may not."""
        said = {"$addToSet": {"begun": {"$each": list(chunks)}}}
        ours = {"_id": claim, "owner": owner, "members": {"$all": list(chunks)}}
        return (await self._claims.update_one(ours, said)).matched_count == 1

    async def renew(self, owner: str, claims: Iterable[str], until: datetime) -> set[str]:
        """Prolongs the claims of a process, all in one go; returns those that are no longer its own."""
        wanted = list(claims)
        done = await self._claims.update_many({"_id": {"$in": wanted}, "owner": owner}, {"$set": {"until": until}})
        if done.matched_count == len(wanted):
            return set()
        found = self._claims.find({"_id": {"$in": wanted}, "owner": owner}, {"_id": 1})
        return set(wanted) - {one["_id"] async for one in found}

    async def any_of(self, app: str, since: datetime) -> bool:
        """Whether chunks of this app were in anybody's hand since then."""
        its = {"members": {"$elemMatch": {"$gte": f"{app}.", "$lt": f"{app}/"}}, "until": {"$gt": since}}
        return await self._claims.find_one(its, {"_id": 1}) is not None

    async def hand_back(self, owner: str, claims: Iterable[str], now: datetime) -> None:
        """Ends claims on drain, so that others need not wait for the lease; this does not count as a death."""
        await self._claims.update_many(
            {"_id": {"$in": list(claims)}, "owner": owner}, {"$set": {"until": now, "handed_back": True}}
        )


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes what, until when. `least`: the take-overs that are held against it to begin with; `said`: what else
    the claim says.
    """

    chunks: tuple[str, ...]
    owner: str
    now: datetime
    until: datetime
    least: int
    said: dict[str, Any]
    doubtful: frozenset[str]

    @property
    def length(self) -> timedelta:
        """Of a lease."""
        return self.until - self.now


def _doubtful(claim: dict[str, Any]) -> set[str]:
    """Which chunks of a claim that ended nobody can answer for."""
    begun = () if claim.get("handed_back") else claim.get("begun", claim["members"])
    return {*begun, *claim.get("doubtful", ())}
