"""The simulated providers' control port: what is in flight, knobs, GOAWAYs, keys and dead tokens."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

Json = dict[str, Any]
PAGE: Final = 1000
PLATFORMS: Final = ("apns", "fcm")


class Providers:
    """Speaks to the control port."""

    def __init__(self, control: httpx.AsyncClient) -> None:
        self._control = control

    async def call(self, method: str, path: str, body: object = None) -> Any:
        answer = await self._control.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def in_flight(self, platforms: Sequence[str] = PLATFORMS) -> int:
        """Requests that a provider has read and not answered yet."""
        found = [(await self.call("GET", f"/{platform}/connections"))["connections"] for platform in platforms]
        return sum(connection["in_flight"] for connections in found for connection in connections)

    async def know(self, platform: str, entries: Sequence[Json]) -> None:
        for start in range(0, len(entries), PAGE):
            await self.call("POST", f"/{platform}/registry", entries[start : start + PAGE])

    async def turn(self, platforms: Sequence[str] = PLATFORMS, **knobs: object) -> None:
        for platform in platforms:
            await self.call("PUT", f"/{platform}/knobs", knobs)

    @asynccontextmanager
    async def turned(self, platforms: Sequence[str] = PLATFORMS, **knobs: object) -> AsyncIterator[None]:
        """Turned inside, back as they were after."""
        before = {platform: await self.call("GET", f"/{platform}/knobs") for platform in platforms}
        await self.turn(platforms, **knobs)
        try:
            yield
        finally:
            for platform in platforms:
                await self.turn((platform,), **{name: before[platform][name] for name in knobs})
