"""An app of a test's own in a running fleet: its keys, variants, devices, and the sends that it makes."""

import asyncio
import os
import secrets
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.cli.local.fleet import Fleet
from services.cli.rehearsal.keys import apple_key
from shared.flow.verdict import Fate
from shared.store.connection import Store
from shared.store.devices import Registration
from tests.integration.flow.doors import ORDERED, Door, OverHttp
from tests.integration.flow.providers import BUNDLE, Json, Providers, entry, new_token

POLL = 0.05
PATIENCE = 60
"""Seconds that anything is waited for: a machine that others use too stalls for several at a time."""
FATES = [str(fate) for fate in Fate]
BY_BOTH_DOORS = pytest.mark.parametrize("sends_by", ["http", "amqp"], indirect=True)
"""For tests that make sends with `scene` or `frail`: over HTTP and over AMQP, with the same report."""


@dataclass(frozen=True, slots=True)
class Dev:
    """A registered device."""

    id: str
    platform: str
    token: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    fleet: Fleet
    http: httpx.AsyncClient
    providers: Providers
    store: Store
    app: str
    app_secret: str
    client_secret: str
    variants: dict[str, str]
    project: str
    team: str
    over_amqp: Door | None = None
    """By which its sends are made, in a scene that makes them over AMQP."""

    async def call(self, method: str, path: str, body: object = None, key: str | None = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {key or self.app_secret}"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def register(self, platform: str, token: str, **said: object) -> str:
        body = {"variant": self.variants[platform], "token": token, **said}
        answer = await self.call("POST", "/v1/devices", body, self.client_secret)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    async def devices(
        self, platform: str, count: int = 1, *, known: Json | None = None, user: str | None = None,
        **said: object,
    ) -> list[Dev]:  # fmt: skip
        """So many, registered over HTTP, with the provider as alive or as `known` says; {} in `user` is counted."""
        tokens = await self._known(platform, count, known or {})
        limit = asyncio.Semaphore(32)

        async def one(number: int, token: str) -> Dev:
            named = {"user": user.format(number)} if user else {}
            async with limit:
                return Dev(await self.register(platform, token, **named, **said), platform, token, named.get("user"))

        return list(await asyncio.gather(*(one(number, token) for number, token in enumerate(tokens))))

    async def crowd(self, platform: str, count: int, *, known: Json | None = None, **said: object) -> list[Dev]:
        """The same by the store's own door: many, fast."""
        tokens, variant, now = await self._known(platform, count, known or {}), self.variants[platform], utc()
        limit = asyncio.Semaphore(32)

        async def one(token: str) -> Dev:
            async with limit:
                registration = Registration(self.app, variant, platform, token, None, said)
                return Dev((await self.store.devices.register(registration, now))[0].hex(), platform, token)

        return list(await asyncio.gather(*map(one, tokens)))

    async def _known(self, platform: str, count: int, known: Json) -> list[str]:
        tokens = [new_token(platform) for _ in range(count)]
        await self.providers.know(platform, [entry(platform, token, self.project, known) for token in tokens])
        return tokens

    @property
    def door(self) -> Door:
        """The door by which this scene's sends are made."""
        return self.over_amqp or OverHttp(self.call)

    async def place(self, audience: Json | None = None, **request: Any) -> Json:
        """What the door says of a send to everyone; its message is short unless it is given or a template's."""
        message = {} if "template" in request else {"message": {"title": "Ding"}}
        return await self.door.place({"audience": audience or {"everyone": True}, **message, **request})

    async def send(self, audience: Json | None = None, **request: Any) -> str:
        """The id of a send that is accepted."""
        said = await self.place(audience, **request)
        assert said["state"] == "accepted", said
        return str(said["id"])

    async def refused(self, audience: Json | None = None, **request: Any) -> list[str]:
        """What is wrong with a send, by pointer."""
        said = await self.place(audience, **request)
        assert said["state"] == "rejected", said
        return [one["pointer"] for one in said["errors"]]

    async def order(self, send: str, wish: str) -> None:
        """Has it called off, paused or resumed."""
        assert await self.door.order(send, wish) == ORDERED[wish]

    async def status(self, send: str) -> Json:
        answer = await self.call("GET", f"/v1/sends/{send}")
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    async def finished(self, send: str, within: float = PATIENCE) -> Json:
        """The report of a send once it is finished; its books close."""
        seen: Json = {}

        async def is_finished() -> bool:
            nonlocal seen
            seen = await self.status(send)
            return bool(seen["state"] == "finished")

        await until(is_finished, within, lambda: f"send {send} is not finished: {seen}")
        report: Json = seen["report"]
        books_close(report)
        return report

    async def run(self, audience: Json | None = None, *, within: float = PATIENCE, **request: Any) -> Json:
        """The report of a send from its request to its end."""
        return await self.finished(await self.send(audience, **request), within)

    def asked(self, devices: Sequence[Dev]) -> list[Json]:
        """Every request that a provider had for these devices."""
        return [
            one
            for platform in sorted({dev.platform for dev in devices})
            for one in self.providers.asked(platform, [dev.token for dev in devices if dev.platform == platform])
        ]

    def accepted(self, devices: Sequence[Dev]) -> Counter[int]:
        """How many of these devices were accepted a notification for how often."""
        counts = Counter({dev.token: 0 for dev in devices})
        counts.update(one["token"] for one in self.asked(devices) if one["status"] == 200)
        return Counter(counts.values())

    def key(self, send: str) -> str:
        return f"{self.app}.{send}"


async def open_scene(fleet: Fleet, http: httpx.AsyncClient, providers: Providers, store: Store) -> Scene:
    """A new app with a variant of APNs and one of FCM, each with credentials of its own."""
    apple = await asyncio.to_thread(apple_key)
    project = f"flow-{secrets.token_hex(5)}"
    key = {"key_id": apple.key_id, "team_id": apple.team_id, "public_key": apple.public_key}
    await providers.call("POST", "/apns/keys", key)
    account = await providers.call("POST", "/fcm/service-accounts/make", {"project": project})
    admin = {"authorization": f"Bearer {fleet.admin_key}"}
    made = await http.post("/v1/apps", json={"name": project}, headers=admin)
    assert made.is_success, made.text
    app = made.json()
    apns = {"environment": "production", "topic": BUNDLE, "key": apple.p8, "key_id": apple.key_id}
    settings = {"apns": {**apns, "team_id": apple.team_id}, "fcm": {"service_account": account}}
    variants = {}
    for platform, one in settings.items():
        body = {"platform": platform, "name": platform, "settings": one}
        answer = await http.post(f"/v1/apps/{app['id']}/variants", json=body, headers=admin)
        assert answer.is_success, answer.text
        variants[platform] = answer.json()["id"]
    secrets_ = app["app_secret"], app["client_secret"]
    return Scene(fleet, http, providers, store, app["id"], *secrets_, variants, project, apple.team_id)


def books_close(report: Json) -> None:
    """Planned is the sum of all fates, for the whole and each variant; nothing is open."""
    for one in (report["total"], *report["variants"]):
        assert one["open"] == 0, report
        assert one["planned"] == sum(one[fate] for fate in FATES), report
    for name in ("planned", *FATES):
        assert report["total"][name] == sum(one[name] for one in report["variants"]), report


def fates(report: Json) -> dict[str, int]:
    """What of the total is not nothing."""
    return {name: report["total"][name] for name in ("planned", *FATES) if report["total"][name]}


def utc() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def frozen(pid: int | None) -> AsyncIterator[None]:
    """A process that does nothing inside (SIGSTOP), and goes on where it was."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def until(
    holds: Callable[[], Any], within: float = PATIENCE, otherwise: Callable[[], str] = lambda: "it did not happen"
) -> None:
    """Waits for it; `holds` may be a coroutine function."""
    end = time.monotonic() + within
    while True:
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        if time.monotonic() > end:
            raise AssertionError(otherwise())
        await asyncio.sleep(POLL)
