"""Speaks the HTTP API of Carillon (and any other JSON over HTTP): the only file of the command that knows httpx."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from pydantic import BaseModel, ConfigDict

from services.cli.errors import RefusedError, UnreachableError
from shared.flow.lane import Lane
from shared.flow.report import Report, State
from shared.flow.send import Problem, SendRequest

NDJSON: Final = "application/x-ndjson"
PATIENCE: Final = timedelta(seconds=30)
IMPORTED_WITHIN: Final = timedelta(minutes=3)
"""A few thousand devices at once."""
AT_ONCE: Final = 8
"""Connections, and so requests in flight. With 32 a request costs twice the CPU: httpx looks at every one of them."""
RECONNECT: Final = timedelta(seconds=1)
BROKEN_AT_MOST: Final = 30
"""Connections in a row without an event."""
DONE: Final = frozenset({"finished", "rejected"})
Json = dict[str, Any]


class Status(BaseModel):
    """A send as `GET /v1/sends/{id}` shows it; fields of a newer server are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    state: State
    lane: Lane
    accepted_at: datetime
    deadline: datetime
    problems: tuple[Problem, ...] = ()
    report: Report


class Api:
    """JSON over HTTP under one key. Made by `open_api`, which closes it; may be shared by any number of tasks."""

    def __init__(self, client: httpx.AsyncClient, key: str | None) -> None:
        self._client = client
        self._key = key

    def under(self, key: str) -> "Api":
        """The same server under another key."""
        return Api(self._client, key)

    async def call(self, method: str, path: str, body: object = None) -> Json:
        """The parsed answer. Raises RefusedError for an error status, UnreachableError if there was no answer."""
        content = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return await self._answered(method, path, content, "application/json")

    async def _answered(
        self, method: str, path: str, content: bytes | None, kind: str, within: timedelta = PATIENCE
    ) -> Json:
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        headers |= {} if content is None else {"content-type": kind}
        try:
            answer = await self._client.request(
                method, path, content=content, headers=headers, timeout=within.total_seconds()
            )
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if answer.is_error:
            raise RefusedError(answer.status_code, _problem(answer))
        found: Json = answer.json() if answer.content else {}
        return found

    def _unreachable(self, error: httpx.HTTPError) -> UnreachableError:
        told = str(error) or type(error).__name__
        return UnreachableError(f"{self._client.base_url} does not answer: {told}")

    async def create_app(self, name: str) -> Json:
        """Needs the admin key. The answer holds the app's id and, this once, its two secrets."""
        return await self.call("POST", "/v1/apps", {"name": name})

    async def add_variant(self, app: str, platform: str, name: str, settings: Mapping[str, Any]) -> str:
        """Needs the admin key. The variant's id."""
        body = {"platform": platform, "name": name, "settings": dict(settings)}
        return str((await self.call("POST", f"/v1/apps/{app}/variants", body))["id"])

    async def register(self, device: Mapping[str, Any]) -> str:
        """The device's id."""
        return str((await self.call("POST", "/v1/devices", dict(device)))["id"])

    async def device(self, id_: str) -> Json | None:
        """A device that is registered, or None."""
        try:
            return await self.call("GET", f"/v1/devices/{id_}")
        except RefusedError as refused:
            if refused.status != httpx.codes.NOT_FOUND:
                raise
            return None

    async def import_devices(self, lines: bytes) -> Json:
        """What became of lines of newline-delimited JSON, a registration each."""
        return await self._answered("POST", "/v1/devices:import", lines, NDJSON, IMPORTED_WITHIN)

    async def export_devices(self, variant: str | None) -> AsyncIterator[bytes]:
        """Lines of every device, in pieces that end with a line's end. Raises as `call` does."""
        query = {"variant": variant} if variant else {}
        headers = {"authorization": f"Bearer {self._key}"}
        try:
            async with self._client.stream("GET", "/v1/devices:export", params=query, headers=headers) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise RefusedError(answer.status_code, _problem(answer))
                rest = b""
                async for piece in answer.aiter_bytes():
                    whole, end, rest = (rest + piece).rpartition(b"\n")
                    yield whole + end
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    async def send(self, request: SendRequest) -> str:
        """The id of the accepted send."""
        body = request.model_dump(mode="json", exclude_unset=True)
        return str((await self.call("POST", "/v1/sends", body))["id"])

    async def order(self, send: str, wish: str) -> Status:
        """Cancels, pauses or resumes a send; how it stands then."""
        return _status(await self.call("POST", f"/v1/sends/{send}:{wish}"))

    async def status(self, send: str) -> Status:
        """State and report of a send."""
        return _status(await self.call("GET", f"/v1/sends/{send}"))

    async def events(self, send: str) -> AsyncIterator[Status]:
        """A send as it goes on, to its end; a connection that breaks is taken up where it ended."""
        seen = ""
        broken = 0
        while broken < BROKEN_AT_MOST:
            try:
                async for id_, status in self._stream(f"/v1/sends/{send}/events", seen):
                    seen, broken = id_, 0
                    yield status
                    if status.state in DONE:
                        return
            except httpx.TransportError:
                broken += 1
            await asyncio.sleep(RECONNECT.total_seconds())
        raise UnreachableError(f"{self._client.base_url} does not answer")

    async def _stream(self, path: str, seen: str) -> AsyncIterator[tuple[str, Status]]:
        headers = {"accept": "text/event-stream", "authorization": f"Bearer {self._key}"}
        if seen:
            headers["last-event-id"] = seen
        async with self._client.stream("GET", path, headers=headers) as answer:
            if answer.is_error:
                await answer.aread()
                raise RefusedError(answer.status_code, _problem(answer))
            id_ = ""
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    id_ = value
                elif name == "data":
                    yield id_, _status(json.loads(value))


@asynccontextmanager
async def open_api(url: str, key: str | None = None) -> AsyncIterator[Api]:
    """An API for as long as the block runs."""
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(
        base_url=url, limits=limits, timeout=PATIENCE.total_seconds(), trust_env=not _is_here(url)
    ) as client:
        yield Api(client, key)


def _status(told: Json) -> Status:
    return Status.model_validate(told, extra="ignore")  # the models within would refuse what is newer


def _is_here(url: str) -> bool:
    """Our own machine is never reached through a proxy, whatever the environment says."""
    return httpx.URL(url).host in {"localhost", "127.0.0.1", "::1"}


def _problem(answer: httpx.Response) -> Json:
    try:
        found = json.loads(answer.content)
    except ValueError:
        return {"detail": answer.text[:200] or answer.reason_phrase}
    return found if isinstance(found, dict) else {"detail": str(found)}
