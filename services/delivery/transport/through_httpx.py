"""The library transport on httpx, one HTTP/2 client per origin: slow, and it loses what a GOAWAY finds in flight."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

import httpx

from services.delivery.transport.contract import REQUEST_TIMEOUT, Parcel, Results, results_of
from services.delivery.transport.tls import client_context, trouble
from shared.flow.lane import Lane
from shared.flow.verdict import Answer, ConnectionTrouble, NotProcessed, Outcome, OutcomeUnknown
from shared.providers.contract import Form, Headers, Origin, Request

STREAMS: Final = 100
BULK_STREAMS: Final = 80
"""The others are kept for the lane `now`, which would else wait behind all that bulk has asked for."""
"""Firebase resets a connection with more concurrent streams than this (protocol reference, B.5)."""

_NO_TO_A_CERTIFICATE: Final = (
    "ALERT_CERTIFICATE",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNSUPPORTED_CERT",
    "ALERT_UNKNOWN_CA",
)
"""Alerts of RFC 8446, section 6.2, in OpenSSL's words: the handshake has failed, so no request was read."""


class HttpxTransport:
    """One HTTP/2 client per origin, at most 100 requests in flight on each. `open_httpx` closes it."""

    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        self._clients: dict[Origin, tuple[httpx.AsyncClient, dict[Lane, asyncio.Semaphore]]] = {}

    async def send(self, parcels: Sequence[Parcel]) -> list[Results]:
        """The results of each parcel; all of them are on their way at once."""
        return list(await asyncio.gather(*(self._parcel(parcel) for parcel in parcels)))

    async def _parcel(self, parcel: Parcel) -> Results:
        requests = parcel.requests
        return results_of(await asyncio.gather(*(self._one(parcel, requests.one(n)) for n in range(requests.count))))

    async def post(self, form: Form) -> Outcome:
        """A form POST for an authorizer, on a connection of its own."""
        origin = Origin(httpx.URL(form.url).host, httpx.URL(form.url).port or 443, "form")
        async with self._client(origin) as client:
            return await _outcome(client.post(form.url, data=dict(form.fields)))

    async def _one(self, parcel: Parcel, request: Request) -> Outcome:
        client, streams = self._pooled(parcel)
        url = f"https://{parcel.origin.host}:{parcel.origin.port}{request.path}"
        headers = [(name.encode(), value.encode()) for name, value in (*parcel.headers, *request.headers)]
        async with streams[parcel.lane]:
            return await _outcome(client.post(url, headers=headers, content=request.body))

    def _pooled(self, parcel: Parcel) -> tuple[httpx.AsyncClient, dict[Lane, asyncio.Semaphore]]:
        if parcel.origin not in self._clients:
            lanes = {Lane.NOW: STREAMS - BULK_STREAMS, Lane.BULK: BULK_STREAMS}
            streams = {lane: asyncio.Semaphore(most) for lane, most in lanes.items()}
            self._clients[parcel.origin] = (self._client(parcel.origin), streams)
        return self._clients[parcel.origin]

    def _client(self, origin: Origin) -> httpx.AsyncClient:
        context = client_context(origin, self._ca_file, "h2", "http/1.1")
        return httpx.AsyncClient(http2=True, verify=context, timeout=REQUEST_TIMEOUT.total_seconds())

    async def close(self) -> None:
        """Closes every connection."""
        for client, _ in self._clients.values():
            await client.aclose()


async def _outcome(asked: "asyncio.Future[httpx.Response] | object") -> Outcome:
    began = perf_counter()
    try:
        response: httpx.Response = await asked  # type: ignore[misc]  # a coroutine of the client
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        return NotProcessed("no_connection", trouble(error))
    except httpx.ProxyError as error:
        return NotProcessed("no_connection", _refused_by_proxy(str(error)))
    except httpx.TimeoutException:
        return OutcomeUnknown("timeout")
    except ssl.SSLError as error:  # httpcore lets those of a read through; under TLS 1.3 the server's no is one
        refused = any(word in str(error) for word in _NO_TO_A_CERTIFICATE)
        return NotProcessed("no_connection", trouble(error)) if refused else OutcomeUnknown("SSLError")
    except (httpx.HTTPError, KeyError, RuntimeError) as error:  # KeyError: encode/httpcore #1054
        return OutcomeUnknown(type(error).__name__)
    headers: Headers = tuple((name.lower(), value) for name, value in response.headers.items())
    return Answer(response.status_code, dict(headers), response.content, perf_counter() - began)


def _refused_by_proxy(said: str) -> ConnectionTrouble:
    """The error is the status and its phrase. With 5xx it is the proxy that cannot reach the provider."""
    return ConnectionTrouble.UNREACHABLE if said.startswith("5") else ConnectionTrouble.PROXY_REFUSED


@asynccontextmanager
async def open_httpx(ca_file: Path | None) -> AsyncIterator[HttpxTransport]:
    """The transport, closed at the end."""
    transport = HttpxTransport(ca_file)
    try:
        yield transport
    finally:
        await transport.close()
