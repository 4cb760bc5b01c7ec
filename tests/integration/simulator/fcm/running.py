"""Starts the simulated Firebase in this process, with one project, one service account, and a client that trusts it."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import httpx
import jwt

from services.simulator.certificates import Authority
from services.simulator.fcm.assertion import AUDIENCE, GRANT_TYPE
from services.simulator.fcm.project import CLOUD_PLATFORM, MESSAGING, Project, ServiceAccount
from services.simulator.fcm.provider import ALPN, Fcm, build
from services.simulator.fcm.service_account import make_service_account
from services.simulator.knobs import Clock
from services.simulator.ledger import Ledger
from services.simulator.wire import serve

PROJECT = "demo"
OTHER = "other"
Json = dict[str, Any]


@cache  # making an RSA key is slow
def account_of(project: str) -> tuple[Json, ServiceAccount]:
    return make_service_account(project)


def token(name: str) -> str:
    """A registration token in the form of Google's."""
    return f"{name.ljust(22, '0')}:APA91b{name.ljust(60, 'x')}"


@dataclass
class Firebase:
    fcm: Fcm
    authority: Authority
    port: int
    client: httpx.AsyncClient
    bearer: str = ""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def knobs(self, **change: Any) -> None:
        self.fcm.dial.turn(change)

    def advance(self, **by: float) -> None:
        self.fcm.clock.advance(timedelta(**by))
        self.fcm.clock_moved()

    def device(self, name: str, **entry: Any) -> str:
        """Registers one; its token."""
        self.fcm.import_tokens([{"token": token(name), "project": PROJECT, **entry}])
        return token(name)

    def shown(self, name: str, event: str = "shown") -> list[Json]:
        return [each for each in self.fcm.ledger.shown(name) if each["event"] == event]

    def logged(self, **wanted: str) -> list[Json]:
        return self.fcm.ledger.requests(wanted)

    def assertion(self, **claims: Any) -> str:
        file, _ = account_of(PROJECT)
        now = int(time.time())
        whole = {"iss": file["client_email"], "aud": AUDIENCE, "scope": MESSAGING, "iat": now, "exp": now + 3600}
        return jwt.encode(whole | claims, file["private_key"], "RS256", {"kid": file["private_key_id"]})

    async def ask_token(self, assertion: str) -> httpx.Response:
        form = {"grant_type": GRANT_TYPE, "assertion": assertion}
        return await self.client.post("/token", data=form)

    async def new_bearer(self, **claims: Any) -> str:
        answer = await self.ask_token(self.assertion(**claims))
        return str(answer.json()["access_token"])

    async def send(self, message: Json, *, project: str = PROJECT, **more: Any) -> httpx.Response:
        """`more`: fields beside the message."""
        return await self.post(f"/v1/projects/{project}/messages:send", {"message": message, **more})

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
        sent = {"authorization": f"Bearer {self.bearer}", **(headers or {})}
        return await self.client.post(path, json=body, headers=sent)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return await self.client.get(path, headers={"authorization": f"Bearer {self.bearer}", **(headers or {})})


@asynccontextmanager
async def running_firebase() -> AsyncIterator[Firebase]:
    """A fresh one on a port of its own; two projects, an account in the first, its access token at hand."""
    clock, authority = Clock(), Authority()
    fcm = build(Ledger("fcm", clock), clock)
    for name in (PROJECT, OTHER):
        fcm.world.directory.add_project(Project(id=name))
    fcm.world.directory.add_account(account_of(PROJECT)[1])
    trust = authority.client_context(ALPN)
    async with (
        serve(fcm.listeners[0].handler, tls=authority.server_context(ALPN)) as server,
        httpx.AsyncClient(http2=True, verify=trust, base_url=f"https://localhost:{server.port}") as client,
    ):
        firebase = Firebase(fcm, authority, server.port, client)
        firebase.bearer = await firebase.new_bearer(scope=f"{MESSAGING} {CLOUD_PLATFORM}")
        yield firebase


def error(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, canonical code, and the FcmError code or nothing."""
    told = answer.json()["error"]
    assert told["code"] == answer.status_code
    return answer.status_code, told["status"], detail(answer, "google.firebase.fcm.v1.FcmError").get("errorCode", "")


def detail(answer: httpx.Response, kind: str) -> Json:
    """The detail of a type, or nothing."""
    details = answer.json()["error"].get("details", [])
    return next((each for each in details if each["@type"] == f"type.googleapis.com/{kind}"), {})


def apns(answer: httpx.Response) -> tuple[int, str] | None:
    told = detail(answer, "google.firebase.fcm.v1.ApnsError")
    return (told["statusCode"], told["reason"]) if told else None
