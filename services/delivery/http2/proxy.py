"""Through whom a connection goes out: an HTTP proxy from HTTPS_PROXY, unless NO_PROXY names the host. Pure."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that is asked to CONNECT."""

    host: str
    port: int
    credentials: str | None = field(default=None, repr=False)

    def request(self, host: str, port: int) -> bytes:
        """The head that asks for a tunnel (RFC 9110, section 9.3.6)."""
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
        if self.credentials is not None:
            lines.append("Proxy-Authorization: Basic " + b64encode(self.credentials.encode()).decode())
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class ProxyRefusedError(ConnectionError):
    """The proxy answered, and it was no tunnel: wrong credentials, or the host is not allowed."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """What the environment says; read once."""

    proxy: Proxy | None = None
    exceptions: tuple[str, ...] = ()

    def through(self, host: str, port: int) -> Proxy | None:
        """The proxy for a host, if any."""
        if self.proxy is None or any(_excepts(one, host.lower(), port) for one in self.exceptions):
            return None
        return self.proxy


def proxies(environ: Mapping[str, str]) -> Proxies:
    """From HTTPS_PROXY and NO_PROXY, in either case of letters. Raises `ValueError`."""
    url = environ.get("https_proxy") or environ.get("HTTPS_PROXY") or ""
    if not url:
        return Proxies()
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("HTTPS_PROXY: only http:// proxies with a host name are supported")
    credentials = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    exceptions = tuple(one.strip().lower() for one in listed.split(",") if one.strip())
    return Proxies(Proxy(parts.hostname, parts.port or 80, credentials), exceptions)


def _excepts(exception: str, host: str, port: int) -> bool:
    if exception == "*":
        return True
    if exception.endswith(f":{port}"):
        exception = exception.removesuffix(f":{port}")
    try:
        return ip_address(host) in ip_network(exception, strict=False)
    except ValueError:
        name = exception.removeprefix("*").removeprefix(".")
        return host == name or host.endswith("." + name)
