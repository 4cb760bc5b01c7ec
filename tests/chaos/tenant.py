"""The app of a case: its keys, its variants, and devices put straight into the store as registrations leave them.

One in two hundred is dead: its provider says so, by a moment after it registered.
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from pymongo import MongoClient

from services.cli.local.fleet import Fleet
from services.cli.rehearsal.keys import BUNDLE, AppleKey, apple_key
from shared.flow.accept import RouteTarget, accept
from shared.flow.audience import Audience
from shared.flow.identity import device_id, send_key, shard_of
from shared.flow.message import Message
from shared.flow.send import Problem, SendRequest
from shared.store.connection import open_store
from shared.store.keyring import open_keyring
from shared.store.look_ups import token_key
from tests.chaos.checker.population import Device
from tests.chaos.providers import Providers

Json = dict[str, Any]
DEAD: Final = 200
BATCH: Final = 5000
CERTIFIED: Final = "+certificate"
"""Behind the platform: with a push certificate in a key's place, as old apps have it."""
REGISTERED: Final = timedelta(days=1)
LONG_AGO: Final = timedelta(days=40)


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant; an APNs one has a signing key of its own, or a certificate."""

    id: str
    platform: str
    apple: AppleKey | None


@dataclass(frozen=True, slots=True)
class Tenant:
    """An app that may send."""

    app: str
    secret: str
    client_secret: str
    project: str
    variants: Sequence[Variant]


async def make(fleet: Fleet, http: httpx.AsyncClient, providers: Providers, name: str, kinds: Sequence[str]) -> Tenant:
    """An app with a variant of each kind, known to the providers."""
    admin = {"authorization": f"Bearer {fleet.admin_key}"}
    app = await _made(http, "/v1/apps", {"name": name}, admin)
    account = await providers.call("POST", "/fcm/service-accounts/make", {"project": name})
    variants = []
    for number, kind in enumerate(kinds):
        platform = kind.removesuffix(CERTIFIED)
        apple = await asyncio.to_thread(apple_key) if kind == "apns" else None
        settings = {"service_account": account}
        if apple is not None:
            key = {"key_id": apple.key_id, "team_id": apple.team_id, "public_key": apple.public_key}
            await providers.call("POST", "/apns/keys", key)
            settings = apns_settings(apple)
        elif kind != platform:
            settings = await _certified(providers)
        body = {"platform": platform, "name": f"{platform} {number}", "settings": settings}
        made = await _made(http, f"/v1/apps/{app['id']}/variants", body, admin)
        variants.append(Variant(made["id"], platform, apple))
    return Tenant(app["id"], app["app_secret"], app["client_secret"], name, variants)


async def _certified(providers: Providers) -> Json:
    asked = {"bundle": BUNDLE, "environments": ["production"]}
    made = await providers.call("POST", "/apns/certificates/make", asked)
    return {"environment": "production", "topic": BUNDLE, "certificate": made["certificate"]}


def apns_settings(apple: AppleKey, environment: str = "production") -> Json:
    return {
        "environment": environment, "topic": BUNDLE, "key": apple.p8,
        "key_id": apple.key_id, "team_id": apple.team_id,
    }  # fmt: skip


def draw(tenant: Tenant, count: int) -> list[Device]:
    """So many devices over all variants; the n-th of each variant belongs to the same user."""
    return [
        Device(
            platform=variant.platform,
            variant=variant.id,
            token=token(variant.platform, f"{variant.id}/{number}"),
            user=f"u{number:06}",
            stable=number % DEAD != DEAD - 1,
        )
        for place, variant in enumerate(tenant.variants)
        for number in range(count // len(tenant.variants) + (place < count % len(tenant.variants)))
    ]


def token(platform: str, seed: str) -> str:
    """Shaped like the provider's own."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    return digest if platform == "apns" else f"{digest[:22]}:APA91b{digest}"


def store(fleet: Fleet, tenant: Tenant, devices: Sequence[Device]) -> None:
    with MongoClient[Json](fleet.site.mongodb_url) as client:
        collection = client[fleet.site.database]["devices"]
        for start in range(0, len(devices), BATCH):
            collection.insert_many(
                [_document(tenant.app, one) for one in devices[start : start + BATCH]], ordered=False
            )


async def of_long_ago(fleet: Fleet, tenant: Tenant) -> None:
    """A command that was refused then, of which nothing but its report is to be kept."""
    at = datetime.now(UTC) - LONG_AGO
    request = SendRequest(audience=Audience(users=("nobody",)), message=Message(title="Long ago"), ttl=60)
    routes = [RouteTarget(one.id, one.platform) for one in tenant.variants]
    key = send_key(tenant.app, f"long-ago-{secrets.token_hex(4)}")
    refused = [Problem(pointer="/message", detail="as it was then")]
    send = accept(request, tenant.app, key, routes, at, check=lambda *_: refused)
    keyring = open_keyring(fleet.site.folder / "keys" / "keyring")
    async with open_store(fleet.site.mongodb_url, fleet.site.database, keyring) as found:
        await found.sends.insert([send])


def write(file: Path, devices: Sequence[Device]) -> None:
    """For the checker."""
    with file.open("a", encoding="utf-8") as lines:
        lines.writelines(json.dumps(asdict(device)) + "\n" for device in devices)


def dead(devices: Sequence[Device], platform: str, project: str) -> Iterator[Json]:
    """Registry entries of those whose provider knows that they are gone."""
    since = int(datetime.now(UTC).timestamp() * 1000)
    for device in devices:
        if device.platform == platform and not device.stable:
            entry: Json = {"token": device.token, "state": "unregistered"}
            yield entry | ({"bundle": BUNDLE, "since": since} if platform == "apns" else {"project": project})


def _document(app: str, device: Device) -> Json:
    id_ = device_id(device.variant, f"t:{device.token}")
    at = datetime.now(UTC) - REGISTERED
    return {
        "_id": id_, "app": app, "variant": device.variant, "platform": device.platform, "token": device.token,
        "token_key": token_key(device.variant, device.token), "shard": shard_of(id_), "user": device.user,
        "tags": [], "facets": [], "locale": "en", "first_seen": at, "registered_at": at, "live": True,
    }  # fmt: skip


async def _made(http: httpx.AsyncClient, path: str, body: Json, headers: dict[str, str]) -> Json:
    answer = await http.post(path, json=body, headers=headers)
    answer.raise_for_status()
    found: Json = answer.json()
    return found
