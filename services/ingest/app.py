"""The HTTP side: finds the endpoint, lets the caller in or refuses, and answers; every refusal is a problem."""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Final

import structlog
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.ingest.admission import RETRY_AFTER, Admission
from services.ingest.body import Bodies, parsed_query
from services.ingest.call import Call, Endpoint, Reply
from services.ingest.desk import Desk
from services.ingest.problems import MEDIA_TYPE, Refused, missing, refused, unavailable
from services.ingest.routes import ENDPOINTS
from services.ingest.sends import RETRY_AFTER as STORE_RETRY_AFTER
from services.ingest.started import Started
from shared.runtime.metrics import Metrics
from shared.store.errors import Missing, StoreAway, Taken

JSON: Final = "application/json"
NO_STORE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

log = structlog.get_logger()


class Door:
    """One path with its methods, as an ASGI app."""

    def __init__(self, entrance: "Entrance", endpoints: Sequence[Endpoint]) -> None:
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


class Entrance:
    """The way of every request: key, admission, body, handler."""

    def __init__(self, desk: Desk, admission: Admission, metrics: Metrics, started: Started) -> None:
        self._started = started
        self._desk = desk
        self._admission = admission
        self._metrics = metrics
        self._bodies = Bodies()

    async def answer(self, endpoint: Endpoint, request: Request) -> Response:
        """The response, whatever happens."""
        began = time.perf_counter()
        try:
            response = _response(await self._handled(endpoint, request))
        except Exception as error:  # noqa: BLE001  # each becomes an answer; what nobody foresaw is logged
            refusal = _refusal(error)
            if endpoint.gated:
                self._metrics.sends_refused.labels(HTTPStatus(refusal.document.status).name.lower()).inc()
            response = problem_response(refusal)
        labels = (endpoint.method, endpoint.path)
        self._metrics.http_requests.labels(*labels, response.status_code).inc()
        self._metrics.http_seconds.labels(*labels).observe(time.perf_counter() - began)
        return response

    async def _handled(self, endpoint: Endpoint, request: Request) -> Reply:
        if not self._started:
            raise unavailable("starting: store or broker are not ready yet", STORE_RETRY_AFTER)
        key = await self._desk.keys.who(request.headers.get("authorization"))
        if key.kind not in endpoint.access:
            raise refused(HTTPStatus.FORBIDDEN, f"this needs a key of the kind {' or '.join(endpoint.access)}")
        if endpoint.gated and (why := self._admission.shut()):
            raise unavailable(f"{why}; nothing was stored", int(RETRY_AFTER.total_seconds()))
        query = parsed_query(endpoint.query, dict(request.query_params)) if endpoint.query else None
        body, size = None, 0
        if endpoint.request:
            body, size = await self._bodies.read(request, endpoint.request, endpoint.body_limit)
        return await endpoint.handler(self._desk, Call(key, request.path_params, body, query, size))


def make_app(entrance: Entrance, document: bytes, beside: Sequence[Route] = ()) -> Starlette:
    """The whole: the endpoints, the OpenAPI document, and the routes `beside` (health)."""
    paths = groupby(sorted(ENDPOINTS, key=lambda one: one.path), key=lambda one: one.path)

    async def openapi(_: Request) -> Response:
        return Response(document, media_type=JSON)

    return Starlette(
        routes=[
            *(Route(path, Door(entrance, list(endpoints))) for path, endpoints in paths),
            Route("/openapi.json", openapi),
            *beside,
        ],
        exception_handlers={HTTPException: _not_routed},
    )


def problem_response(refusal: Refused) -> Response:
    """The problem document as a response."""
    body = refusal.document.model_dump_json(exclude_defaults=True)
    return _with_headers(Response(body, refusal.document.status, media_type=MEDIA_TYPE), refusal.headers)


def _response(reply: Reply) -> Response:
    located = {"location": reply.location} if reply.location else {}
    return _with_headers(Response(_json(reply.body), reply.status, media_type=JSON if reply.body else None), located)


def _json(body: BaseModel | None) -> str | None:
    return body.model_dump_json() if body else None


def _with_headers(response: Response, headers: Mapping[str, str]) -> Response:
    for name, value in (NO_STORE | dict(headers)).items():
        response.headers[name] = value
    return response


def _refusal(error: Exception) -> Refused:
    """What each failure is to the caller; the texts of foreign errors stay here, they may hold addresses and values."""
    match error:
        case Refused():
            return error
        case Missing():
            return missing(str(error))
        case Taken():
            return refused(HTTPStatus.CONFLICT, str(error))
        case StoreAway():
            log.warning("store_away", error=type(error).__name__)
            return unavailable("the store does not answer", STORE_RETRY_AFTER)
        case _:
            log.error("request_failed", exc_info=error)
            return refused(HTTPStatus.INTERNAL_SERVER_ERROR, "this is our fault; it was logged")


async def _not_routed(_: Request, error: Exception) -> Response:
    """No such path, or not by this method."""
    assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for nothing else
    status = HTTPStatus(error.status_code)
    detail = "there is nothing at this path" if status == HTTPStatus.NOT_FOUND else status.phrase
    return problem_response(refused(status, detail, headers=error.headers))
