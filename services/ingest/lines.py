"""Reads a request's body line by line, however long it is, as it arrives: newline-delimited JSON."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from starlette.requests import ClientDisconnect, Request

from services.ingest.problems import Refused, refused

MEDIA_TYPE: Final = "application/x-ndjson"
LONGEST: Final = 64 * 1024
"""Bytes of a line."""
NEXT_WITHIN: Final = timedelta(seconds=30)
"""Between two pieces of the body."""


def check_headers(request: Request) -> None:
    """Raises `Refused`."""
    kind = request.headers.get("content-type", MEDIA_TYPE).partition(";")[0].strip().lower()
    if kind != MEDIA_TYPE:
        raise refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {MEDIA_TYPE}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")


async def lines(request: Request) -> AsyncIterator[list[bytes]]:
    """Every line without its end, as many at once as came. Raises `Refused`; what was handed out stays handed out."""
    rest = b""
    async for piece in _pieces(request):
        *whole, rest = (rest + piece).split(b"\n")
        fits = next((n for n, line in enumerate(whole) if len(line) > LONGEST), len(whole))
        yield whole[:fits]
        if fits < len(whole) or len(rest) > LONGEST:
            raise _too_long()
    if rest:
        yield [rest]


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(NEXT_WITHIN.total_seconds()):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            seconds = f"{NEXT_WITHIN.total_seconds():g}"
            raise refused(HTTPStatus.REQUEST_TIMEOUT, f"nothing more of the body came within {seconds} s") from None
        except ClientDisconnect:
            raise refused(HTTPStatus.BAD_REQUEST, "the connection ended inside the body") from None
        yield piece


def _too_long() -> Refused:
    return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a line has at most {LONGEST // 1024} kB")
