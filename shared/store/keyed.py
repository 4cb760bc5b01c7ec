"""Requests that were given a key of the caller's making: which body it stands for, and the first answer, for a day.

{_id: whose|hash of the key, app, fingerprint, seed: sealed, at, owner, until, taken_over, answer: sealed}
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from shared.store.keyring import Keyring

KEPT: Final = timedelta(hours=24)
"""At least; the store clears up once a minute."""
SEED_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What the first request with a key was answered."""

    status: int
    body: bytes = field(repr=False)
    location: str | None
    by: str
    """A mark of who answered first."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """One key as the store knows it. What its request makes is drawn from `seed`, whoever works it."""

    id: str
    fingerprint: bytes
    seed: bytes = field(repr=False)
    at: datetime
    owner: str
    until: datetime
    """Until then its owner may be at work."""
    answer: FirstAnswer | None


class KeyedRequests:
    """The collection `keyed`. Seeds and answers are sealed: either may tell a secret."""

    INDEXES: Final = (IndexModel([("at", 1)], expireAfterSeconds=KEPT // timedelta(seconds=1)),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]], keyring: Keyring) -> None:
        self._keyed = database["keyed"]
        self._durable = self._keyed.with_options(read_concern=ReadConcern("majority"))
        self._keyring = keyring

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._keyed.create_indexes(list(self.INDEXES))

    async def claim(
        self, whose: str, key: str, fingerprint: bytes, owner: str, now: datetime, lease: timedelta
    ) -> Keyed | None:
        """The key, now the owner's if nobody had it; None while another's claim is not durable yet."""
        id_ = f"{whose}|{hashlib.blake2b(key.encode(), digest_size=20).hexdigest()}"
        seed = os.urandom(SEED_BYTES)
        entry = {
            "_id": id_,
            "app": whose,
            "fingerprint": fingerprint,
            "seed": self._keyring.seal(seed, _bound("seed", id_)),
            "at": now,
            "owner": owner,
            "until": now + lease,
            "taken_over": False,
        }
        try:
            await self._keyed.insert_one(entry)
        except DuplicateKeyError:
            found = await self._durable.find_one({"_id": id_})
            return self._read(found) if found else None
        return self._read(entry)

    async def take_over(
        self, keyed: Keyed, owner: str, now: datetime, lease: timedelta, *, at_once: bool
    ) -> Keyed | None:
        """The same, ours, if whoever works it is late, or `at_once`; None if he is not, or is done."""
        late = {} if at_once else {"until": {"$lte": now}}
        found = await self._keyed.find_one_and_update(
            {"_id": keyed.id, "answer": {"$exists": False}, **late},
            {"$set": {"owner": owner, "until": now + lease, "taken_over": True}},
            return_document=ReturnDocument.AFTER,
        )
        return self._read(found) if found else None

    async def keep(self, keyed: Keyed, answer: FirstAnswer) -> FirstAnswer:
        """The first answer: ours, or that of whoever was faster."""
        told = json.dumps(
            {"status": answer.status, "location": answer.location, "by": answer.by, "body": answer.body.decode()}
        )
        sealed = self._keyring.seal(told.encode(), _bound("answer", keyed.id))
        done = await self._keyed.update_one(
            {"_id": keyed.id, "fingerprint": keyed.fingerprint, "answer": {"$exists": False}},
            {"$set": {"answer": sealed}},
        )
        found = None if done.matched_count else await self._durable.find_one({"_id": keyed.id})
        return (found and self._read(found).answer) or answer

    async def drop(self, keyed: Keyed) -> bool:
        """Nothing came of it: the key is free, unless another has taken it up meanwhile. Whether it is."""
        done = await self._keyed.delete_one(
            {"_id": keyed.id, "owner": keyed.owner, "taken_over": False, "answer": {"$exists": False}}
        )
        return done.deleted_count == 1

    async def give_up(self, keyed: Keyed, now: datetime) -> None:
        """Nobody knows what came of it: the next request with this key goes on from here, at once."""
        await self._keyed.update_one({"_id": keyed.id, "owner": keyed.owner}, {"$set": {"until": now}})

    def _read(self, found: dict[str, Any]) -> Keyed:
        id_, answer = found["_id"], None
        if "answer" in found:
            told = json.loads(self._keyring.unseal(found["answer"], _bound("answer", id_)))
            answer = FirstAnswer(told["status"], told["body"].encode(), told["location"], told["by"])
        seed = self._keyring.unseal(found["seed"], _bound("seed", id_))
        return Keyed(id_, found["fingerprint"], seed, found["at"], found["owner"], found["until"], answer)


def _bound(what: str, id_: str) -> str:
    return f"keyed|{what}|{id_}"
