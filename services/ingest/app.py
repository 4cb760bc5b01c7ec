"""The HTTP side as one ASGI app: finds the door of a path and the endpoint of a method."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.ingest.answers import JSON, problem_response
from services.ingest.call import Endpoint
from services.ingest.doors.aerogear.manners import ROOT as AEROGEAR
from services.ingest.doors.aerogear.manners import Manners
from services.ingest.entrance import Entrance
from services.ingest.problems import Refused, refused
from services.ingest.routes import ENDPOINTS

Refusing = Callable[[Refused], Response]


class Door:
    """One path with its methods, as an ASGI app."""

    def __init__(self, entrance: Entrance, endpoints: Sequence[Endpoint]) -> None:
        self._entrance = entrance
        self._endpoints = {endpoint.method: endpoint for endpoint in endpoints}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            allowed = ", ".join(sorted(self._endpoints))
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": allowed})
        response = await self._entrance.answer(endpoint, Request(scope, receive))
        await response(scope, receive, send)

    @property
    def methods(self) -> list[str]:
        """Those that the path has."""
        return list(self._endpoints)

    def serves(self, method: str) -> bool:
        """Whether the path has this method."""
        return method in self._endpoints


class Front:
    """The ASGI app: paths without a parameter, where all the sends come in, go straight to their door.

    Starlette's middlewares and its walk through the routes cost about as much as accepting a send.
    """

    def __init__(self, doors: Mapping[str, Door], rest: ASGIApp) -> None:
        self._doors = doors
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        known = door is not None and door.serves(scope["method"])
        await (door if door is not None and known else self._rest)(scope, receive, send)


def make_app(
    entrance: Entrance, document: bytes, beside: Sequence[Route] = (), refusing: Mapping[str, Refusing] | None = None
) -> ASGIApp:
    """The whole: the endpoints, the OpenAPI document, and the routes `beside` (health, doors of others).

    `refusing` is how paths that begin so are answered where there is nothing.
    """
    # backwards, so that `…/{variant}:resume` is looked at before `…/{variant}`, which it fits as well; names come last
    ordered = sorted(ENDPOINTS, key=lambda one: one.path.replace("{", " "), reverse=True)
    by_path = groupby(ordered, key=lambda one: one.path)
    doors = {path: Door(entrance, list(endpoints)) for path, endpoints in by_path}

    async def openapi(_: Request) -> Response:
        return Response(document, media_type=JSON)

    # a user may be called as he likes, with a slash in his name, or with what ends another path: so the method decides
    routes = [
        Route(path.replace("{user}", "{user:path}"), door, methods=door.methods if "{user}" in path else None)
        for path, door in doors.items()
    ]
    rest = Starlette(
        routes=[*routes, Route("/openapi.json", openapi), *beside],
        exception_handlers={HTTPException: _not_routed(refusing or {})},
    )
    plain = {path: door for path, door in doors.items() if "{" not in path}
    own = {path: door for path, door in plain.items() if not path.startswith(AEROGEAR)}
    return Front(own, Manners(Front(plain, rest)))


def _not_routed(refusing: Mapping[str, Refusing]) -> Callable[[Request, Exception], Awaitable[Response]]:
    """No such path, or not by this method."""

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for nothing else
        status = HTTPStatus(error.status_code)
        detail = "there is nothing at this path" if status == HTTPStatus.NOT_FOUND else status.phrase
        path: str = request.scope["path"]
        respond = next((one for root, one in refusing.items() if path.startswith(root)), problem_response)
        return respond(refused(status, detail, headers=error.headers))

    return answer
