"""What goes back to the caller: the answer of a request, or the problem that each failure is to him."""

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from services.ingest.call import Reply, Text
from services.ingest.problems import MEDIA_TYPE, Refused, missing, refused, unavailable
from services.ingest.repeats import REPLAYED
from services.ingest.sends import RETRY_AFTER as STORE_RETRY_AFTER
from shared.store.errors import Missing, StoreAway, Taken
from shared.store.keyed import FirstAnswer

JSON: Final = "application/json"
NO_STORE: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))

log = structlog.get_logger()


def problem_response(refusal: Refused) -> Response:
    """The problem document as a response."""
    body = refusal.document.model_dump_json(exclude_defaults=True)
    return _with_headers(Response(body, refusal.document.status, media_type=MEDIA_TYPE), refusal.headers)


class Done(Response):
    """An answer that was not refused. Its headers are made here: Starlette's come out the same, but slower."""

    def __init__(self, reply: Reply) -> None:
        body = reply.body.model_dump_json().encode() if isinstance(reply.body, BaseModel) else b""
        self._answer(reply.status.value, body, reply.location)

    def _answer(self, status: int, body: bytes, location: str | None) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = list(NO_STORE)
        if body:
            self.raw_headers.append((b"content-type", JSON.encode()))
        if status != HTTPStatus.NO_CONTENT:
            self.raw_headers.append((b"content-length", b"%d" % len(body)))
        if location:
            self.raw_headers.append((b"location", location.encode("latin-1")))


class Again(Done):
    """The first answer to an `Idempotency-Key`, marked as a replay."""

    def __init__(self, first: FirstAnswer) -> None:
        self._answer(first.status, first.body, first.location)
        self.raw_headers.append((REPLAYED.encode(), b"true"))


def response_of(reply: Reply) -> Response:
    """The response that a reply is."""
    if not isinstance(reply.body, Text):
        return Done(reply)
    named = {"content-disposition": f'attachment; filename="{reply.body.file}"'} if reply.body.file else {}
    kind = StreamingResponse if isinstance(reply.body.content, AsyncIterator) else Response
    response = kind(reply.body.content, reply.status, media_type=reply.body.media_type)  # type: ignore[arg-type]
    return _with_headers(response, named)


def _with_headers(response: Response, headers: Mapping[str, str]) -> Response:
    response.raw_headers += NO_STORE
    for name, value in headers.items():
        response.headers[name] = value
    return response


def refusal_of(error: Exception) -> Refused:
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
