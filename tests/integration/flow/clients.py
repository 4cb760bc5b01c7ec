"""The clients for backends as tests use them: each by the same words, with `await` and without."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from services.client import AsyncClient, AsyncCommands, Client, Commands
from tests.integration.flow.scene import Scene

OVER_HTTP: Final[tuple[type, ...]] = (AsyncClient, Client)
OVER_AMQP: Final[tuple[type, ...]] = (AsyncCommands, Commands)


class Calling:
    """One client of any kind."""

    def __init__(self, client: Any, *, blocks: bool) -> None:
        self._client = client
        self._blocks = blocks
        self.over_http = isinstance(client, OVER_HTTP)

    async def do(self, name: str, *said: Any, **more: Any) -> Any:
        """What a method gives."""
        method = getattr(self._client, name)
        return await (asyncio.to_thread(method, *said, **more) if self._blocks else method(*said, **more))

    async def all(self, name: str, *said: Any) -> list[Any]:
        """All that a method gives, one after the other."""
        method = getattr(self._client, name)
        if self._blocks:
            return await asyncio.to_thread(lambda: list(method(*said)))
        return [one async for one in method(*said)]


@asynccontextmanager
async def calling(kind: type, scene: Scene) -> AsyncIterator[Calling]:
    """A client of the scene's app, as long as the block runs."""
    url = scene.fleet.api if kind in OVER_HTTP else scene.fleet.site.amqp_url
    opened: Any = kind(url, scene.app_secret)
    if kind in (AsyncClient, AsyncCommands):
        async with opened:
            yield Calling(opened, blocks=False)
        return
    await asyncio.to_thread(opened.__enter__)
    try:
        yield Calling(opened, blocks=True)
    finally:
        await asyncio.to_thread(opened.__exit__, None, None, None)
