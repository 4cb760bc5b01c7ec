"""The control port: plain HTTP and JSON, for people who rehearse and for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from h2.errors import ErrorCodes
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from services.simulator.exchange import Then
from services.simulator.knobs import Knob
from services.simulator.provider import Provider
from services.simulator.wire import Server

PAGE = 1000
PAGING = ("after", "limit")


class Goaway(Knob):
    """What to send on the open connections of a provider."""

    listener: str | None = None  # None: all its ports
    mode: Then = Then.DRAIN
    debug: str = '{"reason":"Shutdown"}'
    last_stream_id: int | None = Field(default=None, ge=0)  # None: the highest one processed
    error: int = ErrorCodes.NO_ERROR


class Desk:
    """The routes that every provider has."""

    def __init__(self, provider: Provider, servers: Mapping[str, Server]) -> None:
        self._provider = provider
        self._servers = servers

    def routes(self) -> list[BaseRoute]:
        """All routes below /<provider>: these, then its own."""
        table: dict[tuple[str, str], Callable[..., Any]] = {
            ("GET", "/knobs"): self.get_knobs,
            ("PUT", "/knobs"): self.put_knobs,
            ("GET", "/registry"): self.get_registry,
            ("POST", "/registry"): self.post_registry,
            ("POST", "/tokens/{token:path}"): self.post_token,
            ("GET", "/requests"): self.get_requests,
            ("GET", "/devices"): self.get_devices,
            ("GET", "/devices/{token:path}/shown"): self.get_shown,
            ("GET", "/connections"): self.get_connections,
            ("POST", "/goaway"): self.post_goaway,
            ("POST", "/clock"): self.post_clock,
            ("POST", "/reset"): self.post_reset,
        }
        shared = [Route(path, endpoint, methods=[method]) for (method, path), endpoint in table.items()]
        return [*shared, *self._provider.routes()]

    async def get_knobs(self, _: Request) -> Response:
        return JSONResponse(self._provider.dial.now.model_dump(mode="json"))

    async def put_knobs(self, request: Request) -> Response:
        """Change the knobs that the body names; open connections follow at once."""
        knobs = self._provider.dial.turn(await _object(request))
        self._sweep()
        return JSONResponse(knobs.model_dump(mode="json"))

    async def get_registry(self, _: Request) -> Response:
        return JSONResponse({"tokens": self._provider.export_tokens()})

    async def post_registry(self, request: Request) -> Response:
        """Import a list of tokens, or an object that has it as "tokens" (as the export gives it)."""
        body = await _json(request)
        entries = body.get("tokens") if isinstance(body, dict) else body
        if not isinstance(entries, list):
            raise ValueError('a list of tokens, or {"tokens": [...]}')  # noqa: TRY004  the body is the value
        return JSONResponse({"imported": self._provider.import_tokens(entries)})

    async def post_token(self, request: Request) -> Response:
        return JSONResponse(self._provider.change_token(request.path_params["token"], await _object(request)))

    async def get_requests(self, request: Request) -> Response:
        """Counts of all requests, and the newest ones whose fields equal the query's."""
        asked = request.query_params
        wanted = {name: value for name, value in asked.items() if name not in PAGING}
        after, limit = int(asked.get("after", 0)), int(asked.get("limit", PAGE))
        found = self._provider.ledger.requests(wanted, after=after, limit=limit)
        return JSONResponse({"counts": self._provider.ledger.counts(), "requests": found})

    async def get_devices(self, request: Request) -> Response:
        asked = request.query_params
        limit = int(asked.get("limit", PAGE))
        return JSONResponse({"devices": self._provider.ledger.devices(after=asked.get("after", ""), limit=limit)})

    async def get_shown(self, request: Request) -> Response:
        self._provider.clock_moved()
        ledger, token = self._provider.ledger, request.path_params["token"]
        return JSONResponse({"shown": ledger.shown(token), "on_screen": ledger.on_screen(token)})

    async def get_connections(self, _: Request) -> Response:
        listed = [
            {
                "listener": name,
                "id": connection.id,
                "protocol": connection.protocol,
                "requests": connection.requests,
                "in_flight": connection.in_flight,
                "limit": connection.limit,
            }
            for name, server in self._servers.items()
            for connection in server.connections
        ]
        return JSONResponse({"connections": listed})

    async def post_goaway(self, request: Request) -> Response:
        wanted = Goaway.model_validate(await _object(request))
        servers = [server for name, server in self._servers.items() if wanted.listener in (None, name)]
        told = [connection for server in servers for connection in tuple(server.connections)]
        for connection in told:
            connection.goaway(
                last_stream_id=wanted.last_stream_id,
                error=ErrorCodes(wanted.error),
                debug=wanted.debug.encode(),
                then=wanted.mode,
            )
        return JSONResponse({"connections": len(told)})

    async def post_clock(self, request: Request) -> Response:
        """Let simulated time pass: {"advance": seconds}."""
        self._provider.clock.advance(timedelta(seconds=float((await _object(request)).get("advance", 0))))
        self._provider.clock_moved()
        self._sweep()
        return JSONResponse({"now": self._provider.clock.now().isoformat()})

    async def post_reset(self, _: Request) -> Response:
        """As at the start. Open connections stay; log files keep what they have."""
        self._provider.reset()
        self._provider.dial.reset()
        self._provider.clock.reset()
        self._provider.ledger.reset()
        return Response(status_code=204)

    def _sweep(self) -> None:
        for server in self._servers.values():
            server.sweep()


def control(providers: Sequence[Provider], servers: Mapping[str, Mapping[str, Server]]) -> Starlette:
    """The application; `servers` are by provider, then by listener."""

    async def health(_: Request) -> Response:
        addresses = {name: f"{server.host}:{server.port}" for mine in servers.values() for name, server in mine.items()}
        return JSONResponse({"status": "ok", "listeners": addresses})

    mounts = [Mount(f"/{each.name}", routes=Desk(each, servers[each.name]).routes()) for each in providers]
    return Starlette(
        routes=[Route("/healthz", health), Route("/readyz", health), *mounts],
        exception_handlers={ValueError: _wrong, KeyError: _missing},
    )


async def _json(request: Request) -> Any:
    raw = await request.body()
    return json.loads(raw) if raw else {}


async def _object(request: Request) -> dict[str, Any]:
    body = await _json(request)
    if not isinstance(body, dict):
        raise ValueError("a JSON object is expected")  # noqa: TRY004  the body is the value
    return body


async def _wrong(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=422)


async def _missing(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"not found: {error}"}, status_code=404)
