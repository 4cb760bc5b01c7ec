"""Reads a request's body within its limits of size and time, and as the model that the endpoint asks for."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from services.ingest.call import SMALL_BODY
from services.ingest.form import MEDIA_TYPE as FORM
from services.ingest.form import file_of
from services.ingest.problems import Refused, invalid, refused
from shared.flow import size
from shared.providers.registry import problems_of

JSON: Final = "application/json"
READ_WITHIN: Final = timedelta(seconds=30)
LARGE_AT_ONCE: Final = 4
"""Bodies beyond the ordinary size that are held in memory at the same time."""


class Bodies:
    """Reads bodies; one for the process, because large ones share its memory."""

    def __init__(self) -> None:
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def read(self, request: Request, model: type[BaseModel], limit: int, form: str = "") -> tuple[BaseModel, int]:
        """The body, or the file of that name in a form, and its size in bytes. Raises `Refused`."""
        kind = _check_headers(request, limit, (JSON, FORM) if form else (JSON,))
        try:
            async with asyncio.timeout(READ_WITHIN.total_seconds()):
                return await self._parsed(request, model, limit, form if kind == FORM else "")
        except TimeoutError:
            seconds = f"{READ_WITHIN.total_seconds():g}"
            raise refused(HTTPStatus.REQUEST_TIMEOUT, f"the body did not arrive within {seconds} s") from None
        except ClientDisconnect:
            raise refused(HTTPStatus.BAD_REQUEST, "the connection ended inside the body") from None

    async def _parsed(self, request: Request, model: type[BaseModel], limit: int, form: str) -> tuple[BaseModel, int]:
        body, large = bytearray(), False
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise too_large(limit)
                if len(body) > SMALL_BODY and not large:
                    await self._large.acquire()
                    large = True
            return parsed(model, _file(request, bytes(body), form) if form else bytes(body)), len(body)
        finally:
            if large:
                self._large.release()


def parsed(model: type[BaseModel], body: bytes) -> BaseModel:
    """The body as this model; types are taken as written. Raises `Refused`."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise refused(HTTPStatus.BAD_REQUEST, "the body is no valid JSON", problems_of(error)) from None
        raise invalid(problems_of(error)) from None


def parsed_query(model: type[BaseModel], query: dict[str, Any]) -> BaseModel:
    """The query as this model. Raises `Refused`, which names the parameter in words: a query has no JSON pointer."""
    try:
        return model.model_validate(query)
    except ValidationError as error:
        raise invalid(
            [one.model_copy(update={"pointer": "", "detail": f"query {one.pointer[1:]}: {one.detail}"})
             for one in problems_of(error)]
        ) from None  # fmt: skip


def too_large(limit: int) -> Refused:
    """To be raised: more bytes than that."""
    return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, size.too_large(limit))


def _file(request: Request, body: bytes, name: str) -> bytes:
    found = file_of(body, request.headers["content-type"], name)
    if found is None:
        raise refused(HTTPStatus.BAD_REQUEST, f"the form has no file named {name}")
    return found


def _check_headers(request: Request, limit: int, kinds: tuple[str, ...]) -> str:
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind not in kinds:
        raise refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {' or '.join(kinds)}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)
    return kind
