"""A receiver of webhooks, and a reporter's hold on the outbox with a clock that tests move."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.reporter.webhooks.announcing import Announcing
from services.reporter.webhooks.calling import Caller
from services.reporter.webhooks.dispatching import Dispatching
from services.reporter.webhooks.subscribers import Subscribers
from shared.flow.webhook import EventKind, signature
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.runtime.serving import serve
from shared.store.connection import Store
from shared.store.webhooks import Webhook

LOOPBACK = "127.0.0.1"


@dataclass
class Receiver:
    """Answers with the statuses that it is given, the last one from there on; keeps what it was told."""

    port: int = 0
    statuses: list[int] = field(default_factory=lambda: [204])
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    slow: float = 0.0

    async def hear(self, request: Request) -> Response:
        self.heard.append((dict(request.headers), await request.body()))
        await asyncio.sleep(self.slow)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        headers = {"location": f"http://{LOOPBACK}:{self.port}/elsewhere"} if 300 <= status < 400 else {}
        return Response(status_code=status, headers=headers)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/hook?x=1"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.heard]

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]

    def verified(self, secret: str, n: int = -1) -> bool:
        headers, body = self.heard[n]
        wanted = signature([secret], headers["webhook-id"], int(headers["webhook-timestamp"]), body)
        return wanted in headers["webhook-signature"].split(" ")


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(statuses=list(statuses or (204,)))
    async with listening(receiver):
        yield receiver


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncIterator[None]:
    """A receiver hears as long as the block runs."""
    app = Starlette(routes=[Route(path, receiver.hear, methods=["POST", "GET"]) for path in ("/hook", "/elsewhere")])
    async with serve(app, host=LOOPBACK, port=0, grace=timedelta(seconds=1)) as port:
        receiver.port = port
        yield


@dataclass
class Desk:
    """One reporter process's part in it."""

    store: Store
    clock: FixedClock
    caller: Caller

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        seconds = iter(range(0, 10**9, 10))  # nothing is believed for long
        subscribers = Subscribers(self.store.webhooks, lambda: float(next(seconds)))
        self.announcing = Announcing(self.store, self.clock, subscribers, set())
        self.dispatching = Dispatching(
            self.store, self.clock, Life(timedelta(seconds=1)), self.metrics, self.caller, 1, random.Random(5)
        )

    async def hook(self, url: str, *kinds: EventKind, app: str = "app") -> tuple[Webhook, str]:
        return await self.store.webhooks.create(app, url, kinds or tuple(EventKind), 0.1, self.clock.now())

    async def pass_(self, span: timedelta, step: timedelta = timedelta(minutes=5)) -> int:
        """Time passes, and what falls due is done; how many calls that was."""
        calls, end = await self.dispatching.due(), self.clock.now() + span
        while self.clock.now() < end:
            self.clock.advance(min(step, end - self.clock.now()))
            calls += await self.dispatching.due()
        return calls
