"""How a connection is had: names resolved afresh, a tunnel through the proxy if there is one, TLS with `h2`."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from services.delivery.http2.proxy import Proxies, Proxy, ProxyRefusedError
from services.delivery.transport.tls import NoHttp2Error, client_context, trouble
from shared.flow.verdict import ConnectionTrouble
from shared.providers.contract import Origin

CONNECT_WITHIN: Final = 10.0
"""Seconds for names, TCP, proxy and TLS together."""
SHUTDOWN_WITHIN: Final = 2.0
"""Seconds that TLS is given to say goodbye."""
OTHER_ADDRESS_AFTER: Final = 0.25
"""Seconds after which the next address is tried beside the first (RFC 8305)."""
MOST_PROXY_HEAD: Final = 16_384


class Dialer:
    """Shared by all pools of an engine."""

    def __init__(self, ca_file: Path | None, proxies: Proxies) -> None:
        self._ca_file = ca_file
        self._proxies = proxies

    async def context(self, origin: Origin) -> ssl.SSLContext:
        """TLS for an origin. Reading the system's certificates takes milliseconds, so not on the loop."""
        return await asyncio.to_thread(client_context, origin, self._ca_file, "h2")

    async def dial(self, origin: Origin, context: ssl.SSLContext, make: Callable[[], asyncio.Protocol]) -> None:
        """A connection for the protocol that `make` makes. Raises `OSError`, of which `trouble_of` tells the kind."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_WITHIN):
            proxy = self._proxies.through(origin.host, origin.port)
            if proxy is None:
                transport, _ = await loop.create_connection(
                    make, origin.host, origin.port, ssl=context, server_hostname=origin.host,
                    ssl_shutdown_timeout=SHUTDOWN_WITHIN, happy_eyeballs_delay=OTHER_ADDRESS_AFTER,
                )  # fmt: skip
            else:
                transport, _ = await loop.create_connection(
                    make, sock=await _tunnel(proxy, origin), ssl=context, server_hostname=origin.host,
                    ssl_shutdown_timeout=SHUTDOWN_WITHIN,
                )  # fmt: skip
        if not speaks_h2(transport):
            transport.abort()
            raise NoHttp2Error("the peer did not select h2")


def speaks_h2(transport: asyncio.BaseTransport) -> bool:
    """Whether ALPN has selected HTTP/2."""
    secured: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    return secured is not None and secured.selected_alpn_protocol() == "h2"


def trouble_of(error: BaseException) -> ConnectionTrouble:
    """What a failed connect means to the retry policy."""
    if isinstance(error, ProxyRefusedError):
        return ConnectionTrouble.PROXY_REFUSED
    if isinstance(error, ssl.SSLError) and "NO_APPLICATION_PROTOCOL" in str(error):
        return ConnectionTrouble.PEER_NOT_TRUSTED
    return trouble(error)


async def _tunnel(proxy: Proxy, origin: Origin) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
    failure: OSError = ConnectionError("the proxy has no address")
    for family, kind, protocol, _, address in found:
        raw = socket.socket(family, kind, protocol)
        raw.setblocking(False)
        try:
            await loop.sock_connect(raw, address)
            await loop.sock_sendall(raw, proxy.request(origin.host, origin.port))
            _accepted(await _head(loop, raw))
        except ProxyRefusedError:
            raw.close()
            raise
        except OSError as error:
            raw.close()
            failure = error
        except BaseException:
            raw.close()
            raise
        else:
            return raw
    raise failure


async def _head(loop: asyncio.AbstractEventLoop, raw: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = await loop.sock_recv(raw, 4096)
        head += more
        if not more or len(head) > MOST_PROXY_HEAD:
            raise ConnectionError("the proxy did not answer as one")
    return head


def _accepted(head: bytes) -> None:
    """Anything but 2xx is no tunnel; with 5xx it is the proxy that cannot reach the provider."""
    words = head.split(None, 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    if not 200 <= status < 300:  # noqa: PLR2004  # RFC 9110, section 9.3.6
        raise (ConnectionError if status >= 500 else ProxyRefusedError)(f"proxy answered {status}")  # noqa: PLR2004  # 5xx
