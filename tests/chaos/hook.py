"""The webhook of a case's app: it is told when a send ends, maybe more than once, and keeps which."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.cli.local.ports import LOOPBACK
from shared.runtime.serving import serve

TOLD_WITHIN: Final = 60.0
"""Seconds after the reports are final: longer than a call that died with its reporter is another's to make."""


@dataclass(slots=True)
class Hook:
    """Lives as long as its case."""

    told: set[str] = field(default_factory=set)
    """Sends, by id."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, request: Request) -> Response:
        """One event."""
        self.told.add((await request.json())["data"]["send"])
        self.news.set()
        return Response(status_code=httpx.codes.NO_CONTENT)

    async def untold(self, sends: set[str]) -> int:
        """Of how many of these it was not told in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOLD_WITHIN):
                while sends - self.told:
                    self.news.clear()
                    await self.news.wait()
        return len(sends - self.told)


@contextlib.asynccontextmanager
async def hooked(http: httpx.AsyncClient) -> AsyncIterator[Hook]:
    """Made with the app's secret, and called as long as the block runs."""
    hook = Hook()
    app = Starlette(routes=[Route("/told", hook.hear, methods=["POST"])])
    async with serve(app, host=LOOPBACK, port=0, grace=timedelta(seconds=1)) as port:
        body = {"url": f"http://{LOOPBACK}:{port}/told", "events": ["send.finished"]}
        (await http.post("/v1/webhooks", json=body)).raise_for_status()
        yield hook
