"""Devices: the registry of tokens, and the look-ups that a send needs.

{_id: 12 bytes, app, variant, platform, token, token_key: 12 bytes, shard: int32, user, tags, facets: ["t:<tag>"],
 attributes, locale, zone, first_seen, registered_at, retired: {at, reason, since}}

`_id` and `shard` follow from the installation id if the client gives one, else from the first token, and never change.
A token is in one row of a variant only: the newest registration wins.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from pymongo import IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.audience import Audience, Tags
from shared.flow.device import Device
from shared.flow.identity import SHARDS, device_id, shard_of
from shared.flow.plan import ShardRange
from shared.store.errors import StoreBusy

PROFILE: Final = ("user", "tags", "attributes", "locale", "zone")
"""What a registration may say beside the token; what it leaves out stays as it was, null removes it."""
ATTEMPTS: Final = 30
"""Registrations of one token at once may collide on its unique index this often before it is reported."""
BACKOFF: Final = 0.01
"""Seconds, times the tries."""
PIECES: Final = 64
T = TypeVar("T")
LOOKED_UP: Final = {"token": 1, "user": 1}


@dataclass(frozen=True, slots=True)
class Registration:
    """What a client says when it registers a device."""

    app: str
    variant: str
    platform: str
    token: str
    installation: str | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retirement:
    """Evidence that a device's token is dead. It holds unless the device registered again after `known_dead_at`."""

    device: bytes
    reason: str
    known_dead_at: datetime


class Devices:
    """The collection `devices`."""

    INDEXES: Final = (
        IndexModel([("token_key", 1)], unique=True),
        IndexModel([("variant", 1), ("shard", 1)]),
        IndexModel([("variant", 1), ("facets", 1), ("shard", 1)]),
        IndexModel([("variant", 1), ("user", 1)], partialFilterExpression={"user": {"$exists": True}}),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._devices = database["devices"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._devices.create_indexes(list(self.INDEXES))

    async def register(self, registration: Registration, now: datetime) -> tuple[bytes, bool]:
        """Registers or updates a device, by installation or else by token; returns its id and whether it is new."""
        if registration.installation is not None:
            device = device_id(registration.variant, f"i:{registration.installation}")
            return await self._owning(registration, lambda _: self._upsert({"_id": device}, device, registration, now))
        return await self._owning(registration, lambda tries: self._by_token(tries, registration, now))

    async def _by_token(self, tries: int, new: Registration, now: datetime) -> tuple[bytes, bool]:
        """The device that has the token, or a new one; an id whose device has another token by now is passed over."""
        key = token_key(new.variant, new.token)
        found = await self._devices.find_one({"token_key": key}, {"_id": 1})
        again = f"|{tries}" if tries else ""
        device = bytes(found["_id"]) if found else device_id(new.variant, f"t:{new.token}{again}")
        return await self._upsert({"_id": device, "token_key": key}, device, new, now)

    async def _owning(self, new: Registration, write: Callable[[int], Awaitable[T]]) -> T:
        """Writes until the token is this device's alone: the newest registration wins it from any other."""
        for tries in range(ATTEMPTS):
            try:
                return await write(tries)
            except DuplicateKeyError:
                if new.installation is not None:
                    await self._give_up(new.variant, new.token, device_id(new.variant, f"i:{new.installation}"))
                await asyncio.sleep(random.random() * BACKOFF * tries)  # noqa: S311  # jitter, not a secret
        message = f"{ATTEMPTS} others wanted the same token at once"
        raise StoreBusy(message)

    async def _give_up(self, variant: str, token: str, to: bytes) -> None:
        await self._devices.delete_one({"token_key": token_key(variant, token), "_id": {"$ne": to}})

    async def _upsert(
        self, where: dict[str, Any], device: bytes, new: Registration, now: datetime
    ) -> tuple[bytes, bool]:
        set_ = {
            "token": new.token, "token_key": token_key(new.variant, new.token), "registered_at": now,
            **_kept(new.profile),
        }  # fmt: skip
        first = {
            "app": new.app, "variant": new.variant, "platform": new.platform,
            "shard": shard_of(device), "first_seen": now,
        }  # fmt: skip
        set_ = {name: value for name, value in set_.items() if name not in where}
        unset = {"retired": "", **{name: "" for name, value in new.profile.items() if value is None}}
        change = {"$set": set_, "$setOnInsert": first, "$unset": unset}
        done = await self._devices.update_one(where, change, upsert=True)
        return device, done.upserted_id is not None

    async def update(
        self, app: str, device: bytes, profile: Mapping[str, Any], token: str | None, now: datetime
    ) -> bool:
        """Changes a registered device, its token too (the shard stays); whether the app has such a device."""
        found = await self._devices.find_one({"_id": device, "app": app}, {"variant": 1, "token": 1})
        if found is None:
            return False
        token = token or found["token"]
        set_ = {
            "token": token, "token_key": token_key(found["variant"], token), "registered_at": now, **_kept(profile)
        }  # fmt: skip
        unset = {"retired": "", **{name: "" for name, value in profile.items() if value is None}}
        for tries in range(ATTEMPTS):
            try:
                done = await self._devices.update_one({"_id": device, "app": app}, {"$set": set_, "$unset": unset})
            except DuplicateKeyError:
                await self._give_up(found["variant"], token, device)
                await asyncio.sleep(random.random() * BACKOFF * tries)  # noqa: S311  # as above
            else:
                return done.matched_count == 1
        message = f"{ATTEMPTS} others wanted the same token at once"
        raise StoreBusy(message)

    async def get(self, app: str, device: bytes) -> dict[str, Any] | None:
        """The stored device, or None."""
        return await self._devices.find_one({"_id": device, "app": app})

    async def delete(self, app: str, device: bytes) -> bool:
        """Whether the app had such a device."""
        done = await self._devices.delete_one({"_id": device, "app": app})
        return done.deleted_count == 1

    async def delete_variant(self, app: str, variant: str) -> int:
        """Removes every device of a variant; returns how many."""
        return (await self._devices.delete_many({"app": app, "variant": variant})).deleted_count

    async def in_range(self, app: str, variant: str, where: ShardRange, audience: Audience) -> list[Device]:
        """The devices of a chunk of a scan."""
        return await self._found({**scan_filter(app, variant, where, audience)})

    async def of_users(self, app: str, variant: str, users: Sequence[str], tags: Tags | None) -> list[Device]:
        """The devices that belong to these users now."""
        return await self._found({**_base(app, variant), "user": {"$in": list(users)}, **_tags(tags)})

    async def by_id(
        self, app: str, variant: str, ids: Sequence[bytes], tags: Tags | None = None, users: Sequence[str] | None = None
    ) -> list[Device]:
        """These devices, as far as they are registered, fit the tags and still belong to one of the users."""
        still = {} if users is None else {"user": {"$in": list(users)}}
        query = {**_base(app, variant), "_id": {"$in": list(ids)}, **still, **_tags(tags)}
        return await self._found(query, hint="_id_")  # else the users' index is tried, and a user may have many

    async def by_token(self, app: str, variant: str, tokens: Sequence[str]) -> dict[str, bytes]:
        """The devices that are registered with these tokens, by token."""
        keys = [token_key(variant, token) for token in tokens]
        found = self._devices.find({"token_key": {"$in": keys}, "app": app}, {"token": 1})
        return {one["token"]: one["_id"] for one in await found.to_list(None)}

    async def registered(self, app: str, variant: str, ids: Sequence[bytes]) -> set[bytes]:
        """Which of these are registered and not retired, whoever they belong to."""
        found = self._devices.find({**_base(app, variant), "_id": {"$in": list(ids)}}, {"_id": 1})
        return {bytes(one["_id"]) async for one in found}

    async def count(self, app: str, variant: str, where: ShardRange, audience: Audience) -> int:
        """How many devices a scan of this range finds."""
        query = scan_filter(app, variant, where, audience)
        return await self._devices.count_documents(query)

    async def total(self, app: str, variant: str, audience: Audience) -> int:
        """How many devices a scan of the whole range finds; in pieces, none of which takes too long for the store."""
        pieces = [ShardRange(SHARDS * n // PIECES, SHARDS * (n + 1) // PIECES) for n in range(PIECES)]
        return sum([await self.count(app, variant, piece, audience) for piece in pieces])

    async def retire(self, app: str, retirements: Iterable[Retirement], now: datetime) -> int:
        """Takes devices out of service softly, unless they registered again since; returns how many went."""
        operations = [
            UpdateOne(
                {"_id": one.device, "app": app, "retired": None, "registered_at": {"$lte": one.known_dead_at}},
                {"$set": {"retired": {"at": now, "reason": one.reason, "since": one.known_dead_at}}},
            )
            for one in retirements
        ]
        if not operations:
            return 0
        return (await self._devices.bulk_write(operations, ordered=False)).modified_count

    async def _found(self, query: dict[str, Any], hint: str | None = None) -> list[Device]:
        found = await self._devices.find(query, LOOKED_UP, batch_size=5000, hint=hint).to_list(None)
        return [Device(one["_id"], one["token"], one.get("user")) for one in found]


def token_key(variant: str, token: str) -> bytes:
    """12 bytes under which a token is unique in its variant."""
    return hashlib.blake2b(f"{variant}|{token}".encode(), digest_size=12).digest()


def scan_filter(app: str, variant: str, where: ShardRange, audience: Audience) -> dict[str, Any]:
    """The query of a scan; the whole range needs no bound."""
    bound = {} if (where.low, where.high) == (0, SHARDS) else {"shard": {"$gte": where.low, "$lt": where.high}}
    return {**_base(app, variant), **bound, **_tags(audience.tags)}


def facets_of(tags: Iterable[str]) -> list[str]:
    """What a device's tags look like in the index."""
    return sorted({f"t:{tag}" for tag in tags})


def _base(app: str, variant: str) -> dict[str, Any]:
    return {"variant": variant, "app": app, "retired": None}


def _tags(tags: Tags | None) -> dict[str, Any]:
    """A condition on the one multikey index; `any`, `all` and `none` hold together."""
    conditions: list[dict[str, Any]] = []
    if tags and tags.any:
        conditions.append({"facets": {"$in": facets_of(tags.any)}})
    if tags and tags.all:
        conditions.append({"facets": {"$all": facets_of(tags.all)}})
    if tags and tags.none:
        conditions.append({"facets": {"$nin": facets_of(tags.none)}})
    return {"$and": conditions} if conditions else {}


def _kept(profile: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in profile.items() if name in PROFILE and value is not None}
    if "tags" in profile:
        kept["facets"] = facets_of(profile["tags"] or ())
    return kept
