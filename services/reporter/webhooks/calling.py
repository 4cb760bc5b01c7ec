"""Calls an address that a tenant named: looked up and checked each time, no redirects. Only this file knows httpx.

The connection goes to the address that was checked, so that a name cannot mean another one a moment later (rebinding).
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx

from shared.flow.webhook import Network, allowed, url_problem

WITHIN: Final = timedelta(seconds=15)
"""Unless the operator says otherwise; the specification recommends 15 to 30 s."""
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a call: a status, or why there is none."""

    status: int | None
    error: str
    seconds: float

    @property
    def fine(self) -> bool:
        """2xx; everything else is a failure, a redirect too."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class Caller:
    """Lives as long as the process; `open_caller` closes it. `within`: what a call takes at most."""

    def __init__(
        self, client: httpx.AsyncClient, networks: Sequence[Network], resolve: Resolve, within: timedelta
    ) -> None:
        self.within = within
        self._client = client
        self._networks = networks
        self._resolve = resolve

    async def call(self, url: str, headers: dict[str, str], body: bytes) -> Answered:
        """One call. Never raises for what the far end does."""
        began = time.monotonic()
        status: int | None = None
        error = ""
        try:
            async with asyncio.timeout(self.within.total_seconds()):
                status = await self._post(url, headers, body)
        except TimeoutError:
            error = f"no answer within {self.within.total_seconds():g} s"
        except _NotAllowed as refused:
            error = str(refused)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, ValueError) as failed:
            error = f"{type(failed).__name__}: {failed}"[:200]
        return Answered(status, error, time.monotonic() - began)

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        problem = url_problem(url, self._networks)
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if problem is not None and problem != "https is needed":
            raise _NotAllowed(problem)
        address = await self._checked(host, port, plain=parts.scheme == "http")
        shown = f"[{address}]" if ":" in address else address
        target = httpx.URL(url).copy_with(host=shown.strip("[]"), port=port)
        named = f"[{host}]" if ":" in host else host
        request = self._client.build_request(
            "POST", target, content=body, extensions={"sni_hostname": host},
            headers={**headers, "host": named if parts.port is None else f"{named}:{port}"},
        )  # fmt: skip
        answer = await self._client.send(request, stream=True)  # what it says beyond the status is not read
        await answer.aclose()
        return answer.status_code

    async def _checked(self, host: str, port: int, *, plain: bool) -> str:
        """An address of this host. Every one of them must be allowed, so that none can be chosen by luck."""
        found = await self._resolve(host, port)
        wrong = [one for one in found if not allowed(one, self._networks)]
        if not found or wrong:
            raise _NotAllowed("the name leads to an address that is not a public one" if wrong else "no address")
        if plain and url_problem(f"http://{_bracketed(found[0])}/", self._networks) is not None:
            raise _NotAllowed("https is needed")
        return found[0]


class _NotAllowed(Exception):  # noqa: N818  # said of an address
    """The address must not be called."""


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


async def _resolved(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@asynccontextmanager
async def open_caller(
    networks: Sequence[Network], resolve: Resolve = _resolved, within: timedelta = WITHIN
) -> AsyncIterator[Caller]:
    """A caller for as long as the block runs. Connections are not kept: each try looks its address up."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        limits=limits,
        timeout=None,  # noqa: S113  # `call` has one for all
    ) as client:
        yield Caller(client, networks, resolve, within)
