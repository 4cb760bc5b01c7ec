"""The simulated providers as a test uses them: trust keys, know tokens, turn knobs, read what was asked."""

import base64
import json
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

BUNDLE = "com.example.flow"
PAGE = 1000
Json = dict[str, Any]


class Providers:
    """Speaks to the control port, and reads the logs that the simulator flushes before it answers."""

    def __init__(self, control: httpx.AsyncClient, folder: Path) -> None:
        self._control = control
        self._folder = folder

    async def call(self, method: str, path: str, body: object = None) -> Any:
        answer = await self._control.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    async def know(self, platform: str, entries: list[Json]) -> None:
        for start in range(0, len(entries), PAGE):
            await self.call("POST", f"/{platform}/registry", entries[start : start + PAGE])

    async def script(self, platform: str, token: str, *steps: Json) -> None:
        await self.call("POST", f"/{platform}/tokens/{token}", {"script": list(steps)})

    @asynccontextmanager
    async def knobs(self, platform: str, **turned: object) -> AsyncIterator[None]:
        """Turned inside, back as they were after."""
        before = await self.call("GET", f"/{platform}/knobs")
        await self.call("PUT", f"/{platform}/knobs", turned)
        try:
            yield
        finally:
            await self.call("PUT", f"/{platform}/knobs", {name: before[name] for name in turned})

    def asked(self, platform: str, tokens: Iterable[str]) -> list[Json]:
        """Every request for one of these tokens, in order."""
        wanted = set(tokens)
        return [one for one in self.log(platform) if one.get("token") in wanted]

    def log(self, platform: str) -> list[Json]:
        """Everything that the provider was asked."""
        with (self._folder / f"{platform}.requests.jsonl").open("rb") as lines:
            return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def accepted(self, platform: str, tokens: Iterable[str]) -> dict[str, int]:
        """How often each of these tokens was accepted a notification for."""
        wanted = list(tokens)
        count = dict.fromkeys(wanted, 0)
        for one in self.asked(platform, wanted):
            count[one["token"]] += one["status"] == 200
        return count


def new_token(platform: str) -> str:
    """Shaped like the provider's own."""
    if platform == "apns":
        return secrets.token_hex(32)
    return f"{secrets.token_urlsafe(16)}:APA91b{base64.urlsafe_b64encode(secrets.token_bytes(99)).decode()}"


def entry(platform: str, token: str, project: str, known: Mapping[str, object]) -> Json:
    """A line of the provider's registry."""
    home: Json = {"bundle": BUNDLE} if platform == "apns" else {"project": project}
    return {"token": token, **home, **known}
