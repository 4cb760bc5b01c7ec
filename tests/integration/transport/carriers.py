"""The transports under test, and how each platform's requests look: what both get is the same."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from services.delivery.http2.engine import open_engine
from services.delivery.transport.contract import Parcel, Transport
from services.delivery.transport.through_aioapns import open_aioapns
from services.delivery.transport.through_httpx import open_httpx
from shared.flow.verdict import Answer, Outcome
from shared.providers.contract import Headers, Origin, Requests

WAIT: Final = timedelta(seconds=0.6)
"""The request timer of these tests."""
WAIT_FOR_A_CONNECTION: Final = timedelta(seconds=3)
"""Where none can be had: aioapns sleeps for a second before it says so."""
TOKEN: Final = "ab" * 32


@dataclass(frozen=True, slots=True)
class Carrier:
    """A platform's transport."""

    platform: str
    name: str

    def __str__(self) -> str:
        return f"{self.platform} through {self.name}"


CARRIERS: Final = (
    Carrier("apns", "engine"), Carrier("apns", "aioapns"), Carrier("fcm", "engine"), Carrier("fcm", "httpx"),
)  # fmt: skip
APNS_ID: Final = "eabeae54-14a8-11e5-b60b-1697f925ec7b"


@asynccontextmanager
async def carrying(name: str, ca_file: Path) -> AsyncIterator[Transport]:
    """The transport of this name."""
    if name == "engine":
        async with open_engine(ca_file, scale=20) as engine:
            yield engine
    else:
        library: Any = {"aioapns": open_aioapns, "httpx": open_httpx}[name]
        async with library(ca_file) as transport:
            yield transport


@contextmanager
def escaping() -> Iterator[list[str]]:
    """The kinds of the exceptions that leave a library's callbacks for the event loop, which could only log them."""
    loop, escaped = asyncio.get_running_loop(), list[str]()
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, told: escaped.append(type(told.get("exception")).__name__))
    try:
        yield escaped
    finally:
        loop.set_exception_handler(handler)


def short_timers(patch: pytest.MonkeyPatch, wait: timedelta = WAIT) -> None:
    """30 s, as in production, is longer than a test may take."""
    for module in ("http2.engine", "transport.through_aioapns", "transport.through_httpx"):
        patch.setattr(f"services.delivery.{module}.REQUEST_TIMEOUT", wait)


def apns_parcel(origin: Origin, headers: Headers, device: str = TOKEN) -> Parcel:
    stable = (*headers, ("apns-topic", "com.example.app"), ("apns-push-type", "alert"))
    requests = Requests(1, f"/3/device/{device}", b'{"aps": {"alert": "hello"}}', (APNS_ID,), "apns-id")
    return Parcel(origin, stable, requests)


def fcm_parcel(origin: Origin, headers: Headers, device: str = TOKEN, project: str = "demo") -> Parcel:
    body = b'{"message": {"token": "%s", "data": {"k": "v"}}}' % device.encode()
    stable = (*headers, ("content-type", "application/json"))
    return Parcel(origin, stable, Requests(1, f"/v1/projects/{project}/messages:send", body))


def parcel_of(platform: str, origin: Origin) -> Parcel:
    """A request to a server that does not look at credentials."""
    headers = (("authorization", "bearer x"),)
    return apns_parcel(origin, headers) if platform == "apns" else fcm_parcel(origin, headers)


async def outcome_of(transport: Transport, parcel: Parcel) -> Outcome:
    """What became of a parcel's one request."""
    (results,) = await transport.send([parcel])
    if results.ok:
        assert not results.others
        return Answer(200, {})
    ((number, outcome),) = results.others
    assert number == 0
    return outcome
