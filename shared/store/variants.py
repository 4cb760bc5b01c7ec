"""Variants: one app on one platform and environment, with its provider credentials sealed.

{_id, app, platform, name, settings: {what may be shown}, sealed: secrets as JSON, version, created_at, rate_limit}
"""

import contextlib
import json
import secrets as random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bson import Binary
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.drawing import Bits
from shared.flow.identity import new_id
from shared.store.errors import Missing, Taken, Unsealable
from shared.store.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant with its secrets opened: `settings` is what the provider's settings model takes.

    Not `opened`: the key ring does not hold the key that its secrets are sealed under, so `settings` are without them.
    """

    id: str
    app: str
    platform: str
    name: str
    version: int
    created_at: datetime
    settings: dict[str, Any] = field(repr=False)
    secrets: frozenset[str] = frozenset()
    rate_limit: float | None = None
    """Notifications a second, by all replicas together."""
    opened: bool = True

    def shown(self) -> dict[str, Any]:
        """The settings without the secrets."""
        return {name: value for name, value in self.settings.items() if name not in self.secrets}


class Variants:
    """The collection `variants`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], keyring: Keyring) -> None:
        self._variants = database["variants"]
        self._keyring = keyring

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._variants.create_index([("app", 1), ("name", 1)], unique=True)

    async def create(  # noqa: PLR0913, PLR0917  # what a variant is made of
        self,
        app: str,
        platform: str,
        name: str,
        settings: dict[str, Any],
        secrets: frozenset[str],
        now: datetime,
        rate_limit: float | None = None,
        bits: Bits = random.randbits,
    ) -> Variant:
        """A new variant; the fields named in `secrets` are sealed. The same bits make the same one. Raises `Taken`."""
        variant = Variant(new_id("v", bits=bits), app, platform, name, 1, now, settings, secrets, rate_limit)
        try:
            await self._variants.insert_one({"_id": variant.id, "created_at": now, **self._document(variant)})
        except DuplicateKeyError as error:
            made = await self._variants.find_one({"_id": variant.id, "app": app})
            if made is None:
                message = f"the app has a variant named {name!r}"
                raise Taken(message) from error
            return self._variant(made)
        return variant

    async def replace(self, variant: Variant, settings: dict[str, Any], rate_limit: float | None = None) -> Variant:
        """New settings and limit; the version rises, so that every process takes them up. Raises `Missing`."""
        newer = Variant(
            variant.id, variant.app, variant.platform, variant.name, variant.version + 1,
            variant.created_at, settings, variant.secrets, rate_limit,
        )  # fmt: skip
        done = await self._variants.update_one(
            {"_id": variant.id, "app": variant.app, "version": variant.version}, {"$set": self._document(newer)}
        )
        if done.matched_count == 0:
            message = f"variant {variant.id!r} was changed or deleted meanwhile"
            raise Missing(message)
        return newer

    async def get(self, app: str, variant: str) -> Variant:
        """One variant, opened. Raises `Missing` and `Unsealable`."""
        return self._variant(await self._found(app, variant))

    async def seen(self, app: str, variant: str) -> Variant:
        """The same for who does not send by it: it may be one that cannot be opened. Raises `Missing`."""
        return self._seen(await self._found(app, variant))

    async def _found(self, app: str, variant: str) -> dict[str, Any]:
        found = await self._variants.find_one({"_id": variant, "app": app})
        if found is None:
            message = f"the app has no variant {variant!r}"
            raise Missing(message)
        return found

    async def version(self, variant: str) -> int | None:
        """The version of a variant, also of one that cannot be opened; None if there is none."""
        found = await self._variants.find_one({"_id": variant}, {"version": 1})
        return found["version"] if found else None

    async def limits(self, variants: Iterable[str]) -> dict[str, tuple[int, float | None]]:
        """Version and rate limit of each of these variants that there is."""
        found = self._variants.find({"_id": {"$in": list(variants)}}, {"version": 1, "rate_limit": 1})
        return {one["_id"]: (one["version"], one.get("rate_limit")) for one in await found.to_list(None)}

    async def all(self, app: str) -> list[Variant]:
        """Every variant of the app, oldest first, also those that cannot be opened."""
        found = self._variants.find({"app": app}).sort([("created_at", 1), ("_id", 1)])
        return [self._seen(one) async for one in found]

    async def everywhere(self) -> AsyncIterator[Variant]:
        """Across apps, for what an operator is told: every variant whose secrets can be opened."""
        async for found in self._variants.find():
            with contextlib.suppress(Unsealable):
                yield self._variant(found)

    async def delete(self, app: str, variant: str) -> bool:
        """Whether there was such a variant."""
        done = await self._variants.delete_one({"_id": variant, "app": app})
        return done.deleted_count == 1

    def _document(self, variant: Variant) -> dict[str, Any]:
        hidden = {name: value for name, value in variant.settings.items() if name in variant.secrets}
        return {
            "app": variant.app,
            "platform": variant.platform,
            "name": variant.name,
            "version": variant.version,
            "rate_limit": variant.rate_limit,
            "settings": variant.shown(),
            "secrets": sorted(variant.secrets),
            "sealed": Binary(self._keyring.seal(json.dumps(hidden).encode(), _bound(variant))),
        }

    def _variant(self, found: dict[str, Any]) -> Variant:
        variant = _closed(found)
        secrets = json.loads(self._keyring.unseal(found["sealed"], _bound(variant)))
        return replace(variant, settings=variant.settings | secrets, opened=True)

    def _seen(self, found: dict[str, Any]) -> Variant:
        try:
            return self._variant(found)
        except Unsealable:
            return _closed(found)


def _closed(found: dict[str, Any]) -> Variant:
    return Variant(
        found["_id"], found["app"], found["platform"], found["name"], found["version"], found["created_at"],
        dict(found["settings"]), frozenset(found["secrets"]), found.get("rate_limit"), opened=False,
    )  # fmt: skip


def _bound(variant: Variant) -> str:
    """What the secrets are sealed to: tenant, platform, variant and version."""
    return f"variant|{variant.app}|{variant.platform}|{variant.id}|{variant.version}"
