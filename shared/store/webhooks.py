"""Webhooks: the addresses that an app's events are sent to. Their secrets are sealed.

{_id, app, url, events: [kinds], failure_rate, secrets: [sealed, newest first], rotated_at, created_at,
 disabled: {at, why} | None}
and of all apps together, in `revisions`: {_id: "webhooks", n: how often one was made or changed}
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.identity import new_id
from shared.flow.webhook import EventKind, new_secret
from shared.store.errors import Missing, Unsealable
from shared.store.keyring import Keyring

KEPT: Final = 2


@dataclass(frozen=True, slots=True)
class Webhook:
    """One address and what it is told. `failure_rate`: share of failures over which a send is said to be failing."""

    id: str
    app: str
    url: str
    events: tuple[EventKind, ...]
    failure_rate: float
    created_at: datetime
    rotated_at: datetime
    disabled_at: datetime | None = None
    disabled_why: str = ""


class Webhooks:
    """The collection `webhooks`."""

    INDEXES: Final = (IndexModel([("app", 1), ("created_at", 1)]),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]], keyring: Keyring) -> None:
        self._hooks = database["webhooks"]
        self._revisions = database["revisions"]
        self._keyring = keyring

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._hooks.create_indexes(list(self.INDEXES))

    async def create(
        self, app: str, url: str, events: Sequence[EventKind], failure_rate: float, now: datetime
    ) -> tuple[Webhook, str]:
        """A new webhook and its secret."""
        id_, secret = new_id("wh", 16), new_secret()
        document = {
            "_id": id_, "app": app, "url": url, "events": list(events), "failure_rate": failure_rate,
            "secrets": [self._sealed(id_, secret)], "created_at": now, "rotated_at": now, "disabled": None,
        }  # fmt: skip
        await self._hooks.insert_one(document)
        await self._changed()
        return _webhook(document), secret

    async def revision(self) -> int:
        """Another number whenever a webhook was made or changed: who knows the webhooks of the same one knows them."""
        found = await self._revisions.find_one({"_id": "webhooks"})
        return int(found["n"]) if found else 0

    async def of_app(self, app: str) -> list[Webhook]:
        """All of an app, oldest first."""
        return [_webhook(one) async for one in self._hooks.find({"app": app}).sort("created_at", 1)]

    async def enabled(self) -> list[Webhook]:
        """All that are called, of every app."""
        return [_webhook(one) async for one in self._hooks.find({"disabled": None})]

    async def get(self, app: str, id_: str) -> Webhook:
        """One of an app. Raises `Missing`."""
        found = await self._hooks.find_one({"_id": id_, "app": app})
        if found is None:
            raise Missing("the app has no such webhook")
        return _webhook(found)

    async def change(self, app: str, id_: str, change: dict[str, Any]) -> Webhook:
        """Sets fields; `disabled` None enables it again. Raises `Missing`."""
        where = {"_id": id_, "app": app}
        found = (
            await self._hooks.find_one_and_update(where, {"$set": change}, return_document=ReturnDocument.AFTER)
            if change
            else await self._hooks.find_one(where)
        )
        if found is None:
            raise Missing("the app has no such webhook")
        await self._changed()
        return _webhook(found)

    async def _changed(self) -> None:
        """Before whoever asked for it is answered, so that the next event finds it."""
        await self._revisions.update_one({"_id": "webhooks"}, {"$inc": {"n": 1}}, upsert=True)

    async def disable(self, id_: str, why: str, now: datetime) -> None:
        """It is not called any more, until somebody enables it."""
        await self._hooks.update_one({"_id": id_, "disabled": None}, {"$set": {"disabled": {"at": now, "why": why}}})

    async def rotate(self, app: str, id_: str, now: datetime) -> str:
        """A new secret; the one before it signs too, for a day. Raises `Missing`."""
        secret = new_secret()
        push = {"secrets": {"$each": [self._sealed(id_, secret)], "$position": 0, "$slice": KEPT}}
        done = await self._hooks.update_one({"_id": id_, "app": app}, {"$push": push, "$set": {"rotated_at": now}})
        if not done.matched_count:
            raise Missing("the app has no such webhook")
        return secret

    async def secrets(self, id_: str) -> list[str]:
        """Its secrets, newest first; none if it is gone, or if the key ring can open none of them."""
        found = await self._hooks.find_one({"_id": id_}, {"secrets": 1})
        secrets = []
        for one in (found or {}).get("secrets", ()):
            with contextlib.suppress(Unsealable):
                secrets.append(self._keyring.unseal(one, f"webhook|{id_}").decode())
        return secrets

    async def called(self, id_: str) -> Webhook | None:
        """One of any app, for who is about to call it."""
        found = await self._hooks.find_one({"_id": id_})
        return _webhook(found) if found else None

    async def delete(self, app: str, id_: str) -> bool:
        """Whether the app had it."""
        return (await self._hooks.delete_one({"_id": id_, "app": app})).deleted_count == 1

    def _sealed(self, id_: str, secret: str) -> bytes:
        return self._keyring.seal(secret.encode(), f"webhook|{id_}")


def _webhook(found: dict[str, Any]) -> Webhook:
    disabled = found["disabled"] or {}
    return Webhook(
        found["_id"], found["app"], found["url"], tuple(map(EventKind, found["events"])), found["failure_rate"],
        found["created_at"], found["rotated_at"], disabled.get("at"), disabled.get("why", ""),
    )  # fmt: skip
