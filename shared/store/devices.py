"""Devices: the registry of tokens, as clients write it. What sends ask of it is in `look_ups`.

{_id: 12 bytes, app, variant, platform, token, token_key: 12 bytes, shard: int32, user, tags, attributes, locale, zone,
 app_version, app_version_key: as it sorts, os_version, os_version_key, categories: {name: wanted}, facets: see
 `shared/flow/facets.py`, first_seen, registered_at, live: whether it is in service, retired: {at, reason, since},
 called: what its app calls it, if it was registered through a door whose clients ask for it by that}

`_id` and `shard` follow from the installation id if the client gives one, else from the first token, and never change.
A token is in one row of a variant only: the newest registration wins. The index that a scan goes by holds all that the
scan asks for: 500 devices are a few pages that lie together, not 500 rows that lie anywhere.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from shared.flow.identity import device_id, shard_of
from shared.store.device_row import Stages, rewritten, room, subscribed, unsubscribed
from shared.store.errors import StoreBusy
from shared.store.look_ups import LookUps, token_key

ATTEMPTS: Final = 30
"""Registrations of one token at once may collide on its unique index this often before it is reported."""
BACKOFF: Final = 0.01
"""Seconds, times the tries."""
T = TypeVar("T")


@dataclass(slots=True)  # not frozen: made for each line of an import, at half the cost
class Registration:
    """What a client says when it registers a device."""

    app: str
    variant: str
    platform: str
    token: str
    installation: str | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)
    device: bytes | None = None
    """The id that the device has here already, where it is known by that; a row of the app and variant, or none."""
    called: str | None = None
    """What its app calls it, to be kept."""

    @property
    def installed(self) -> bytes | None:
        """The id that follows from the installation, if the client names it."""
        return None if self.installation is None else device_id(self.variant, f"i:{self.installation}")


class Devices(LookUps):
    """The collection `devices`."""

    INDEXES: Final = (
        IndexModel([("token_key", 1)], unique=True),
        IndexModel([("app", 1), ("variant", 1), ("live", 1), ("shard", 1), ("token", 1), ("_id", 1)]),
        IndexModel([("variant", 1), ("facets", 1), ("shard", 1)]),
        IndexModel([("variant", 1), ("user", 1)], partialFilterExpression={"user": {"$exists": True}}),
    )

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._devices.create_indexes(list(self.INDEXES))

    async def register(self, registration: Registration, now: datetime) -> tuple[bytes, bool]:
        """Registers or updates a device, by installation or else by token; returns its id and whether it is new."""
        device = registration.device or registration.installed
        if device is not None:
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
                if owner := new.device or new.installed:
                    await self._give_up(new.variant, new.token, owner)
                await asyncio.sleep(random.random() * BACKOFF * tries)  # noqa: S311  # jitter, not a secret
        message = f"{ATTEMPTS} others wanted the same token at once"
        raise StoreBusy(message)

    async def _give_up(self, variant: str, token: str, to: bytes) -> None:
        await self._devices.delete_one({"token_key": token_key(variant, token), "_id": {"$ne": to}})

    async def _upsert(
        self, where: dict[str, Any], device: bytes, new: Registration, now: datetime
    ) -> tuple[bytes, bool]:
        fixed: dict[str, Any] = {"token": new.token, "token_key": token_key(new.variant, new.token)}
        fixed |= {} if new.called is None else {"called": new.called}
        first = {
            "app": new.app, "variant": new.variant, "platform": new.platform,
            "shard": shard_of(device), "first_seen": now,
        }  # fmt: skip
        done = await self._devices.update_one(where, rewritten(fixed, new.profile, now, first), upsert=True)
        return device, done.upserted_id is not None

    async def update(
        self, app: str, device: bytes, profile: Mapping[str, Any], token: str | None, now: datetime
    ) -> bool:
        """Changes a registered device, its token too (the shard stays); whether the app has such a device."""
        found = await self._devices.find_one({"_id": device, "app": app}, {"variant": 1, "token": 1})
        if found is None:
            return False
        token = token or found["token"]
        fixed = {"token": token, "token_key": token_key(found["variant"], token)}
        change = rewritten(fixed, profile, now)
        for tries in range(ATTEMPTS):
            try:
                done = await self._devices.update_one({"_id": device, "app": app}, change)
            except DuplicateKeyError:
                await self._give_up(found["variant"], token, device)
                await asyncio.sleep(random.random() * BACKOFF * tries)  # noqa: S311  # as above
            else:
                return done.matched_count == 1
        message = f"{ATTEMPTS} others wanted the same token at once"
        raise StoreBusy(message)

    async def subscribe(
        self, app: str, device: bytes, tags: Sequence[str], categories: Mapping[str, bool], most: int
    ) -> bool | None:
        """Adds tags and sets wishes; None: no such device, False: it would have more of either than that."""
        return await self._change(app, device, subscribed(tags, categories), room(tags, categories, most))

    async def unsubscribe(
        self, app: str, device: bytes, tags: Sequence[str], categories: Mapping[str, bool], most: int
    ) -> bool | None:
        """Takes tags away and sets wishes; as above."""
        return await self._change(app, device, unsubscribed(tags, categories), room((), categories, most))

    async def _change(self, app: str, device: bytes, change: Stages, condition: dict[str, Any]) -> bool | None:
        row = {"_id": device, "app": app}
        if (await self._devices.update_one({**row, **condition}, change)).matched_count:
            return True
        return None if await self._devices.find_one(row, {"_id": 1}) is None else False

    async def get(self, app: str, device: bytes) -> dict[str, Any] | None:
        """The stored device, or None."""
        return await self._devices.find_one({"_id": device, "app": app})

    async def variants(self, app: str) -> list[str]:
        """Those that an app's devices are of. Who registered as a variant was removed is of one that is gone."""
        return sorted(await self._devices.distinct("variant", {"app": app}))

    async def owned(self, app: str, variants: Iterable[str], user: str) -> list[dict[str, Any]]:
        """Every device of a user, in service or not: its id and token."""
        where = {"variant": {"$in": list(variants)}, "user": user, "app": app}
        return await self._devices.find(where, {"token": 1}).to_list(None)

    async def of_user(self, app: str, variants: Iterable[str], user: str) -> list[dict[str, Any]]:
        """The same, with all that is known of each."""
        where = {"variant": {"$in": list(variants)}, "user": user, "app": app}
        return await self._devices.find(where, {"facets": 0}).sort("first_seen", 1).to_list(None)

    async def known(self, app: str, devices: Iterable[bytes]) -> set[bytes]:
        """Which of these the app has, in service or not."""
        found = self._devices.find({"_id": {"$in": list(devices)}, "app": app}, {"_id": 1})
        return {bytes(one["_id"]) async for one in found}

    async def delete(self, app: str, device: bytes) -> bool:
        """Whether the app had such a device."""
        done = await self._devices.delete_one({"_id": device, "app": app})
        return done.deleted_count == 1

    async def delete_variant(self, app: str, variant: str) -> int:
        """Removes every device of a variant; returns how many."""
        return (await self._devices.delete_many({"app": app, "variant": variant})).deleted_count
