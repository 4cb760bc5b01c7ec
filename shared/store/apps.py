"""Apps: the tenants, and the secrets that speak for them.

{_id, name, created_at, secrets: {app: [keyed hash], client: [keyed hash]}, signing: [sealed SHA-256 of an app secret],
 policy: the `Policy` as JSON, if the app has one, changes: how often its variants or rules were changed}
"""

import base64
import hashlib
import hmac
import secrets as random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.drawing import Bits
from shared.flow.identity import new_id
from shared.flow.policy import Policy
from shared.store.errors import Missing, Taken
from shared.store.keyring import Keyring

SecretKind = Literal["app", "client"]
PREFIX: Final[dict[SecretKind, str]] = {"app": "as", "client": "cs"}
SECRET_BYTES: Final = 48
"""64 characters behind the prefix: longer than HMAC's block, so that SHA-256 of the secret verifies an HMAC with it."""
RETENTION_DAYS: Final = 30
"""Unless an app says otherwise."""
KEPT: Final = 2
"""A rotation leaves the secret before it valid, so that senders can move."""


@dataclass(frozen=True, slots=True)
class App:
    """One tenant."""

    id: str
    name: str
    created_at: datetime


class Apps:
    """The collection `apps`. An operator's view: only the admin key lists or makes apps."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], keyring: Keyring) -> None:
        self._apps = database["apps"]
        self._keyring = keyring

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._apps.create_index("name", unique=True)
        await self._apps.create_index("has_policy", sparse=True)

    async def create(self, name: str, now: datetime, bits: Bits = random.randbits) -> tuple[App, dict[SecretKind, str]]:
        """A new app and its two secrets, which are not shown again. Raises `Taken`.

        The same bits make the same app: who repeats himself finds it made.
        """
        app = App(new_id("a", bits=bits), name, now)
        secrets = {kind: _new_secret(kind, app.id, bits) for kind in PREFIX}
        try:
            await self._apps.insert_one(
                {
                    "_id": app.id,
                    "name": name,
                    "created_at": now,
                    "secrets": {kind: [self._keyring.hash_secret(secret)] for kind, secret in secrets.items()},
                    "signing": [self._signing_key(app.id, secrets["app"])],
                }
            )
        except DuplicateKeyError as error:
            made = await self._apps.find_one({"_id": app.id, "name": name}, {"created_at": 1})
            if made is None:
                message = f"there is an app named {name!r}"
                raise Taken(message) from error
            app = App(app.id, name, made["created_at"])
        return app, secrets

    async def get(self, app: str) -> App:
        """One app. Raises `Missing`."""
        found = await self._apps.find_one({"_id": app}, {"name": 1, "created_at": 1})
        if found is None:
            message = f"there is no app {app!r}"
            raise Missing(message)
        return App(app, found["name"], found["created_at"])

    async def set_policy(self, app: str, policy: Policy) -> None:
        """What the app wants for all its sends from now on. Raises `Missing`."""
        change: dict[str, Any] = {"$set": {"policy": policy.model_dump_json(exclude_defaults=True), "has_policy": True}}
        if policy == Policy():
            change = {"$unset": {"policy": "", "has_policy": ""}}
        if not (await self._apps.update_one({"_id": app}, change)).matched_count:
            message = f"there is no app {app!r}"
            raise Missing(message)

    async def policy(self, app: str) -> Policy:
        """What the app wants. Raises `Missing`."""
        found = await self._apps.find_one({"_id": app}, {"policy": 1})
        if found is None:
            message = f"there is no app {app!r}"
            raise Missing(message)
        return Policy.model_validate_json(found.get("policy", "{}"))

    async def policies(self) -> dict[str, Policy]:
        """Across apps, for the workers: those of the apps that have any."""
        found = self._apps.find({"has_policy": True}, {"policy": 1})
        return {one["_id"]: Policy.model_validate_json(one["policy"]) for one in await found.to_list(None)}

    async def all(self) -> list[App]:
        """Every app, oldest first."""
        found = self._apps.find({}, {"name": 1, "created_at": 1}).sort("created_at", 1)
        return [App(one["_id"], one["name"], one["created_at"]) async for one in found]

    async def retention(self, app: str) -> timedelta:
        """How long content and receipts of an app's sends are kept."""
        found = await self._apps.find_one({"_id": app}, {"retention_days": 1})
        return timedelta(days=(found or {}).get("retention_days", RETENTION_DAYS))

    async def set_retention(self, app: str, days: int) -> None:
        """Changes it. Raises `Missing`."""
        done = await self._apps.update_one({"_id": app}, {"$set": {"retention_days": days}})
        if not done.matched_count:
            message = f"there is no app {app!r}"
            raise Missing(message)

    async def purged_until(self, app: str) -> datetime:
        """Everything accepted before this is purged."""
        found = await self._apps.find_one({"_id": app}, {"purged_until": 1})
        return (found or {}).get("purged_until") or datetime.fromtimestamp(0, UTC)

    async def purge_on(self, app: str, until: datetime) -> None:
        """Moves that mark on."""
        await self._apps.update_one({"_id": app}, {"$set": {"purged_until": until}})

    async def rotate(self, app: str, kind: SecretKind, bits: Bits = random.randbits) -> str:
        """A new secret of this kind; the one before it stays valid until the next rotation. Raises `Missing`.

        The same bits make the same secret, and no second rotation.
        """
        secret = _new_secret(kind, app, bits)
        hashed = self._keyring.hash_secret(secret)
        push: dict[str, Any] = {f"secrets.{kind}": _front(hashed)}
        if kind == "app":
            push["signing"] = _front(self._signing_key(app, secret))
        done = await self._apps.update_one({"_id": app, f"secrets.{kind}": {"$ne": hashed}}, {"$push": push})
        if done.matched_count == 0:
            await self.get(app)
        return secret

    async def verify(self, secret: str) -> tuple[str, SecretKind] | None:
        """Which app and kind this secret speaks for, or None."""
        prefix, _, rest = secret.partition("_")
        app = rest.partition("_")[0]
        kind = next((kind for kind, known in PREFIX.items() if known == prefix), None)
        found = await self._apps.find_one({"_id": app}, {"secrets": 1}) if kind else None
        if kind is None or found is None:
            return None
        given = self._keyring.hash_secret(secret)
        known = any(hmac.compare_digest(given, one) for one in found["secrets"][kind])
        return (app, kind) if known else None

    async def changed(self, app: str) -> None:
        """Its variants or rules did. Before whoever asked for it is answered, so that what comes after knows of it."""
        await self._apps.update_one({"_id": app}, {"$inc": {"changes": 1}})

    async def changes(self, app: str) -> int:
        """Another number whenever its variants or rules were changed."""
        found = await self._apps.find_one({"_id": app}, {"changes": 1})
        return _changes(found)

    async def signed(self, app: str, body: bytes, signature: str) -> bool:
        """Whether `signature` is the hex HMAC-SHA256 of `body` with one of the app's secrets; False without an app."""
        return await self.changes_if_signed(app, body, signature) is not None

    async def changes_if_signed(self, app: str, body: bytes, signature: str) -> int | None:
        """What `changes` says, if it is signed; else None. One read for both."""
        found = await self._apps.find_one({"_id": app}, {"signing": 1, "changes": 1})
        keys = [self._keyring.unseal(one, f"signing|{app}") for one in (found or {}).get("signing", ())]
        right = [hmac.digest(key, body, hashlib.sha256).hex().encode() for key in keys]
        known = any(hmac.compare_digest(one, signature.lower().encode()) for one in right)
        return _changes(found) if known else None

    def _signing_key(self, app: str, secret: str) -> bytes:
        return self._keyring.seal(hashlib.sha256(secret.encode()).digest(), f"signing|{app}")


def _changes(found: dict[str, Any] | None) -> int:
    return int((found or {}).get("changes", 0))


def _new_secret(kind: SecretKind, app: str, bits: Bits) -> str:
    drawn = bits(8 * SECRET_BYTES).to_bytes(SECRET_BYTES, "big")
    return f"{PREFIX[kind]}_{app}_{base64.urlsafe_b64encode(drawn).decode()}"


def _front(value: bytes) -> dict[str, Any]:
    return {"$each": [value], "$position": 0, "$slice": KEPT}
