"""Puts an app, its variant and any number of devices straight into the store, as registrations would have left them."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from services.cli.rehearsal.keys import AppleKey
from shared.flow.identity import device_id, shard_of
from shared.store.connection import open_store
from shared.store.devices import Devices
from shared.store.keyring import open_keyring
from shared.store.look_ups import token_key
from tests.bench.work import settings, token

BATCH: Final = 5000
PLATFORM: Final = "apns"
Attributes = Callable[[int], dict[str, Any]]
"""What the device of a number was registered with, for templates."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """An app with one variant. `salt` names its tokens."""

    app: str
    variant: str
    secret: str
    salt: str

    def token(self, number: int) -> str:
        return token(self.salt, number)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store is, and the key ring that its services share."""

    url: str
    database: str
    keyring: Path


async def tenant(place: Place, name: str, apple: AppleKey) -> Tenant:
    """A new app; apps with the same key share provider connections, as apps of one company do."""
    place.keyring.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with open_store(place.url, place.database, open_keyring(place.keyring)) as store:
        now = datetime.now(UTC)
        app, secrets = await store.apps.create(name, now)
        held = settings(apple)
        variant = await store.variants.create(
            app.id, PLATFORM, "ios", held.model_dump(exclude_none=True), held.SECRETS, now
        )
        return Tenant(app.id, variant.id, secrets["app"], name)


def devices(place: Place, of: Tenant, first: int, last: int, attributes: Attributes | None = None) -> None:
    """Devices `first` to `last` (not included) of user `u<number, seven digits>`; a large number without indexes."""
    unacknowledged = WriteConcern(w=1, j=False)
    with MongoClient[dict[str, Any]](place.url) as client:
        collection = client[place.database].get_collection("devices", write_concern=unacknowledged)
        if last - first > BATCH:
            collection.drop_indexes()  # each is built in one go afterwards, several times faster
        for batch in _batches(of, first, last, attributes):
            collection.insert_many(batch, ordered=False)
        collection.create_indexes(list(Devices.INDEXES))
        client.admin.command("fsync")


def _batches(of: Tenant, first: int, last: int, attributes: Attributes | None) -> Iterator[list[RawBSONDocument]]:
    now = datetime.now(UTC)
    for start in range(first, last, BATCH):
        numbers = range(start, min(last, start + BATCH))
        more = {} if attributes is None else {number: {"attributes": attributes(number)} for number in numbers}
        yield [RawBSONDocument(_document(of, number, now, more.get(number, {}))) for number in numbers]


def _document(of: Tenant, number: int, now: datetime, more: dict[str, Any]) -> bytes:
    its = of.token(number)
    device = device_id(of.variant, f"t:{its}")
    return bson.encode(
        {
            "_id": device, "app": of.app, "variant": of.variant, "platform": PLATFORM, "token": its,
            "token_key": token_key(of.variant, its), "shard": shard_of(device), "user": f"u{number:07}",
            "tags": ["news"], "facets": ["t:news"], "locale": "en",
            "first_seen": now, "registered_at": now, "live": True,
            **more,
        }
    )  # fmt: skip


def stored(place: Place, name: str, apple: AppleKey, count: int, attributes: Attributes | None = None) -> Tenant:
    """A tenant with so many devices."""
    of = asyncio.run(tenant(place, name, apple))
    devices(place, of, 0, count, attributes)
    return of
