"""What sends ask of the registry of devices: who is in a range, who belongs to whom, how many there are.

`also` names what templates use of a device beside its token and user, as paths in the stored document.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.audience import Audience
from shared.flow.device import Device
from shared.flow.identity import SHARDS
from shared.flow.plan import ShardRange
from shared.store.filtering import SCAN, hint, in_service, matching, scan_filter

PIECES: Final = 64
LOOKED_UP: Final = {"token": 1, "user": 1}
Fields = Collection[str]
Hint = str | list[tuple[str, int]]


class LookUps:
    """The part of the collection `devices` that only reads."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._devices = database["devices"]

    async def in_range(
        self, app: str, variant: str, where: ShardRange, audience: Audience, also: Fields = (), look: int = SCAN
    ) -> list[Device]:
        """The devices of a chunk of a scan, found by this look of the audience's; whose they are only if asked for."""
        query = scan_filter(app, variant, where, audience, look)
        return await self._found(query, {"token": 1}, also, hint(audience, look))

    async def of_users(
        self, app: str, variant: str, users: Sequence[str], narrow: Audience | None = None, also: Fields = ()
    ) -> list[Device]:
        """The devices that belong to these users now, as far as they fit what else the audience asks for."""
        query = {**in_service(app, variant), "user": {"$in": list(users)}, **(matching(narrow) if narrow else {})}
        return await self._found(query, LOOKED_UP, also)

    async def by_id(
        self,
        app: str,
        variant: str,
        ids: Sequence[bytes],
        narrow: Audience | None = None,
        users: Sequence[str] | None = None,
        also: Fields = (),
    ) -> list[Device]:
        """These devices, as far as they are registered, fit the audience and still belong to one of the users."""
        still = {} if users is None else {"user": {"$in": list(users)}}
        query = {
            **in_service(app, variant), "_id": {"$in": list(ids)}, **still, **(matching(narrow) if narrow else {})
        }  # fmt: skip
        return await self._found(
            query, LOOKED_UP, also, by="_id_"
        )  # else the users' index is tried, and a user may have many

    async def by_token(self, app: str, variant: str, tokens: Sequence[str], also: Fields = ()) -> dict[str, Device]:
        """The devices that are registered with these tokens, by token."""
        keys = [token_key(variant, token) for token in tokens]
        return {one.token: one for one in await self._found({"token_key": {"$in": keys}, "app": app}, LOOKED_UP, also)}

    async def fits(self, app: str, device: bytes, audience: Audience) -> bool:
        """Whether a device, in service or not, is what an audience asks for beside naming somebody."""
        query = {**matching(audience), "app": app, "_id": device}
        return await self._devices.find_one(query, {"_id": 1}) is not None

    async def registered(self, app: str, variant: str, ids: Sequence[bytes]) -> set[bytes]:
        """Which of these are registered and not retired, whoever they belong to."""
        found = self._devices.find({**in_service(app, variant), "_id": {"$in": list(ids)}}, {"_id": 1})
        return {bytes(one["_id"]) async for one in found}

    async def count(self, app: str, variant: str, where: ShardRange, audience: Audience, look: int = SCAN) -> int:
        """How many devices a scan of this range finds."""
        query, by = scan_filter(app, variant, where, audience, look), hint(audience, look)
        by_index: dict[str, Any] = {"hint": by} if by else {}
        return await self._devices.count_documents(query, **by_index)

    async def total(self, app: str, variant: str, audience: Audience, look: int = SCAN) -> int:
        """How many devices a scan of the whole range finds; in pieces, none of which takes too long for the store."""
        pieces = [ShardRange(SHARDS * n // PIECES, SHARDS * (n + 1) // PIECES) for n in range(PIECES)]
        return sum([await self.count(app, variant, piece, audience, look) for piece in pieces])

    async def _found(
        self, query: dict[str, Any], fields: dict[str, int], also: Fields, by: Hint | None = None
    ) -> list[Device]:
        found = await self._devices.find(query, fields | dict.fromkeys(also, 1), batch_size=5000, hint=by).to_list(None)
        if also:
            return [Device(one["_id"], one["token"], one.get("user"), one) for one in found]
        return [Device(one["_id"], one["token"], one.get("user")) for one in found]


def token_key(variant: str, token: str) -> bytes:
    """12 bytes under which a token is unique in its variant."""
    return hashlib.blake2b(f"{variant}|{token}".encode(), digest_size=12).digest()
