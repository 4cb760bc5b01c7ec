"""What sends ask of the registry of devices: who is in a range, who belongs to whom, how many there are.

`also` names what templates use of a device beside its token and user, as paths in the stored document.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.audience import Audience, Tags
from shared.flow.device import Device
from shared.flow.identity import SHARDS
from shared.flow.plan import ShardRange

PIECES: Final = 64
LOOKED_UP: Final = {"token": 1, "user": 1}
Fields = Collection[str]


class LookUps:
    """The part of the collection `devices` that only reads."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._devices = database["devices"]

    async def in_range(
        self, app: str, variant: str, where: ShardRange, audience: Audience, also: Fields = ()
    ) -> list[Device]:
        """The devices of a chunk of a scan; whose they are is only told if it is asked for."""
        return await self._found(scan_filter(app, variant, where, audience), {"token": 1}, also)

    async def of_users(
        self, app: str, variant: str, users: Sequence[str], tags: Tags | None, also: Fields = ()
    ) -> list[Device]:
        """The devices that belong to these users now."""
        return await self._found({**_base(app, variant), "user": {"$in": list(users)}, **_tags(tags)}, LOOKED_UP, also)

    async def by_id(
        self,
        app: str,
        variant: str,
        ids: Sequence[bytes],
        tags: Tags | None = None,
        users: Sequence[str] | None = None,
        also: Fields = (),
    ) -> list[Device]:
        """These devices, as far as they are registered, fit the tags and still belong to one of the users."""
        still = {} if users is None else {"user": {"$in": list(users)}}
        query = {**_base(app, variant), "_id": {"$in": list(ids)}, **still, **_tags(tags)}
        return await self._found(
            query, LOOKED_UP, also, hint="_id_"
        )  # else the users' index is tried, and a user may have many

    async def by_token(self, app: str, variant: str, tokens: Sequence[str], also: Fields = ()) -> dict[str, Device]:
        """The devices that are registered with these tokens, by token."""
        keys = [token_key(variant, token) for token in tokens]
        return {one.token: one for one in await self._found({"token_key": {"$in": keys}, "app": app}, LOOKED_UP, also)}

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

    async def _found(
        self, query: dict[str, Any], fields: dict[str, int], also: Fields, hint: str | None = None
    ) -> list[Device]:
        found = await self._devices.find(query, fields | dict.fromkeys(also, 1), batch_size=5000, hint=hint).to_list(
            None
        )
        if also:
            return [Device(one["_id"], one["token"], one.get("user"), one) for one in found]
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
    return {"app": app, "variant": variant, "live": True}


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
