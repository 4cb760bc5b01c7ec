"""The way of every request: lets the caller in or refuses, reads, works and answers; every refusal is a problem."""

import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, get_args

from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.admission import RETRY_AFTER, Admission
from services.ingest.answers import Again, problem_response, refusal_of, response_of
from services.ingest.body import Bodies, parsed_query
from services.ingest.call import Call, Endpoint, Reply
from services.ingest.desk import Desk
from services.ingest.keys import Key, KeyKind, as_bearer, user_of
from services.ingest.lines import check_headers, lines
from services.ingest.problems import Refused, refused, restated, unavailable
from services.ingest.repeats import HEADER, Repeats
from services.ingest.sends import RETRY_AFTER as STORE_RETRY_AFTER
from services.ingest.started import Started
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import Tracing
from shared.store.keyed import FirstAnswer


class Entrance:
    """The way of every request: key, admission, body, handler."""

    def __init__(
        self, desk: Desk, admission: Admission, metrics: Metrics, started: Started, tracing: Tracing | None = None
    ) -> None:
        self._started = started
        self._tracing = tracing
        self._desk = desk
        self._admission = admission
        self._metrics = metrics
        self._bodies = {kind: Bodies() for kind in get_args(KeyKind)}  # who has a key of apps holds up no backend
        self._repeats = Repeats(desk.store.keyed, desk.now)
        self._measured: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def answer(self, endpoint: Endpoint, request: Request) -> Response:
        """The response, whatever happens. What may make sends is traced, if anything is."""
        if self._tracing is None or not endpoint.gated:
            return await self._answer(endpoint, request)
        said = {"http.request.method": endpoint.method, "http.route": endpoint.path}
        with self._tracing.door(f"{endpoint.method} {endpoint.path}", "server", request.headers, said) as span:
            response = await self._answer(endpoint, request)
            span.tell(0, {"http.response.status_code": response.status_code})
        return response

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        began = time.perf_counter()
        try:
            response: Response = await self._handled(endpoint, request)
        except Exception as error:  # noqa: BLE001  # each becomes an answer; what nobody foresaw is logged
            refusal = refusal_of(error)
            if refusal.document.status == HTTPStatus.UNPROCESSABLE_ENTITY != endpoint.invalid:
                refusal = restated(refusal, endpoint.invalid)
            if endpoint.gated:
                self._metrics.sends_refused.labels(HTTPStatus(refusal.document.status).name.lower()).inc()
            response = self._refusal(refusal)
        count, seconds = self._measures(endpoint, response.status_code)
        count.inc()
        seconds.observe(time.perf_counter() - began)
        return response

    def _measures(self, endpoint: Endpoint, status: int) -> tuple[Counter, Histogram]:
        """The endpoint's metrics, looked up by their labels once."""
        key = (endpoint.method, endpoint.path, status)
        found = self._measured.get(key)
        if found is None:
            found = self._metrics.http_requests.labels(*key), self._metrics.http_seconds.labels(*key[:2])
            self._measured[key] = found
        return found

    async def _handled(self, endpoint: Endpoint, request: Request) -> Response:
        if not self._started:
            raise unavailable("starting: store or broker are not ready yet", STORE_RETRY_AFTER)
        key = await self._who(endpoint, request)
        if key.kind not in endpoint.access:
            raise refused(HTTPStatus.FORBIDDEN, f"this needs a key of the kind {' or '.join(endpoint.access)}")
        idempotency = request.headers.get(HEADER) if endpoint.method == "POST" else None
        if idempotency is None:
            self._admit(endpoint)
        query = parsed_query(endpoint.query, dict(request.query_params)) if endpoint.query else None
        body: Any = None
        size = 0
        if endpoint.lines:
            check_headers(request)
            body = lines(request)
        if endpoint.request:
            bodies = self._bodies[key.kind]
            body, size = await bodies.read(request, endpoint.request, endpoint.body_limit, endpoint.form)
        call = Call(key, request.path_params, body, query, size, headers=request.headers)
        if idempotency is None or endpoint.lines:
            return response_of(await endpoint.handler(self._desk, call))
        asked = f"POST {request.url.path}?{request.url.query}"
        for name in endpoint.asked_by:
            told = request.headers.get(name, "")
            asked += f" {user_of(told) if name == 'authorization' else told}"
        return await self._once(endpoint, call, idempotency, asked)

    def _who(self, endpoint: Endpoint, request: Request) -> Awaitable[Key]:
        """Who asks. Raises `Refused` (401). Doors of others have ways of their own."""
        authorization = request.headers.get("authorization")
        return self._desk.keys.who(as_bearer(authorization) if endpoint.basic else authorization)

    def _refusal(self, refusal: Refused) -> Response:
        """The answer to what is refused. Doors of others have words of their own."""
        return problem_response(refusal)

    def _admit(self, endpoint: Endpoint) -> None:
        if endpoint.gated and (why := self._admission.shut()):
            raise unavailable(f"{why}; nothing was stored", int(RETRY_AFTER.total_seconds()))

    async def _once(self, endpoint: Endpoint, call: Call, key: str, asked: str) -> Response:
        """What was answered is answered again also while nothing new is accepted."""

        async def work(drawn: Call) -> Reply:
            self._admit(endpoint)
            return await endpoint.handler(self._desk, drawn)

        found = await self._repeats.answer(endpoint, call, key, asked, work)
        return Again(found) if isinstance(found, FirstAnswer) else response_of(found)
