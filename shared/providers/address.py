"""Reads the operator's provider addresses: https, a host, a port, nothing else."""

from functools import cache
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

HTTPS_PORT = 443


def _https(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
        message = "give https://host or https://host:port"
        raise ValueError(message)
    _ = parts.port  # raises ValueError for a port that is none
    return value.rstrip("/")


HttpsUrl = Annotated[str, AfterValidator(_https)]


@cache
def host_and_port(url: str) -> tuple[str, int]:
    """The host and port of an https address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or HTTPS_PORT
