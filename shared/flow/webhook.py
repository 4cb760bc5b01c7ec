"""Webhooks by the Standard Webhooks specification: what is told, how it is signed, when it is tried again. Pure.

Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from shared.flow.model import Travelling

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # no secret, what secrets start with
SECRET_BYTES: Final = 32
"""The specification asks for 24 to 64."""
SCHEDULE: Final = tuple(
    timedelta(seconds=seconds) for seconds in (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Waits before each try, as the specification recommends: three days in all."""
JITTER: Final = 0.1
OLD_SECRET: Final = timedelta(hours=24)
"""After a rotation both secrets sign for so long, so that a receiver can change over."""
MOST_BYTES: Final = 20_000
"""Of a payload; the specification asks for less than this."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
TRANSLATED: Final = tuple(
    ipaddress.ip_network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)
"""IPv6 that stands for an IPv4 address, maybe a private one (RFC 6052, RFC 8215, RFC 3056, RFC 4380, RFC 4291)."""


NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)
"""A host whose last part is a number is an IPv4 address, maybe in an old spelling (WHATWG URL, ends in a number)."""
LOOPBACK: Final = "127.0.0.1"


class EventKind(StrEnum):
    """What a webhook can be told."""

    SEND_FINISHED = "send.finished"
    SEND_PAUSED = "send.paused"
    SEND_FAILING = "send.failing"
    DEVICE_RETIRED = "device.retired"
    CREDENTIAL_PROBLEM = "credential.problem"
    ANOMALY = "anomaly"
    TEST = "webhook.test"


class Payload(Travelling):
    """The body of a call."""

    type: EventKind
    timestamp: datetime
    sequence: int
    """Per send, from 1, for events about one; else 0."""
    data: dict[str, Any]


def new_secret() -> str:
    """A signing secret as its owner sees it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(keys: Iterable[str], id_: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each secret that is valid now."""
    signed = f"{id_}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode() for secret in keys
    )


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX))


def next_try(tried: int, now: datetime, rnd: float, scale: float) -> datetime | None:
    """When it is tried again after so many tries (1 and more), or None: given up. `rnd`: from 0 to 1."""
    if tried >= len(SCHEDULE):
        return None
    return now + SCHEDULE[tried] * (1 - JITTER + 2 * JITTER * rnd) / scale


def allowed(address: str, networks: Collection[Network]) -> bool:
    """Whether a tenant's webhook may be sent to this address: it is a public one, or the operator said so."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    if any(found.version == one.version and found in one for one in networks):
        return True
    if found.version == 6 and any(found in one for one in TRANSLATED):  # noqa: PLR2004  # IPv6
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def url_problem(url: str, networks: Collection[Network]) -> str | None:  # noqa: PLR0911  # a list of checks
    """What is wrong with an address to call, as far as it says itself; names are looked up at each try."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in ("https", "http") or not host:
        return "an https URL with a host is needed"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "neither user, password nor fragment belong into it"
    literal = _literal(host)
    ascii_only = url.isascii() and all(ord(one) > ord(" ") for one in url)
    if not ascii_only or port == 0 or (literal is None and _is_number(host)):
        return "not a URL"
    stands_for = LOOPBACK if f".{host}".endswith(".localhost") else literal  # RFC 6761, section 6.3
    if stands_for is not None and not allowed(stands_for, networks):
        return "this address is not a public one"
    if parts.scheme == "http" and (literal is None or not _within(literal, networks)):
        return "https is needed"
    return None


def _literal(host: str) -> str | None:
    """The address that a host spells, in any way that resolvers read: `127.1`, `0x7f.1` and `2130706433` too."""
    try:
        if _is_number(host):
            return socket.inet_ntoa(socket.inet_aton(host))
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except (ValueError, OSError):
        return None


def _is_number(host: str) -> bool:
    return ":" not in host and NUMBER.fullmatch(host) is not None


def _within(address: str, networks: Collection[Network]) -> bool:
    found = ipaddress.ip_address(address)
    return any(found.version == one.version and found in one for one in networks)


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """The networks that these texts name. Raises `ValueError`."""
    return tuple(ipaddress.ip_network(one) for one in texts)
