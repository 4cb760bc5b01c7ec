"""What the libraries are known to do instead of what table E.1 says: asserted exactly, never tolerated."""

from typing import Final

from shared.flow.verdict import Answer, Outcome, OutcomeUnknown

LOST, TIMEOUT, DELIVERED = OutcomeUnknown("connection_lost"), OutcomeUnknown("timeout"), Answer(200, {})
PROTOCOL, WRITING, READING = map(OutcomeUnknown, ("RemoteProtocolError", "WriteError", "ReadError"))

Faults = dict[str, Outcome | tuple[Outcome, ...]]

AIOAPNS: Final[Faults] = {
    # It answers by the apns-id, and reads every body as JSON: what neither Apple nor JSON is, it cannot place.
    "400 broken JSON": LOST,
    "400 unknown status": LOST,
    "410 Unregistered no time": TIMEOUT,
    "410 HTML": LOST,
    "500 HTML": LOST,
    "intercepted 407 as an answer": TIMEOUT,
    "intercepted captive HTML": LOST,
    "intercepted captive redirect": TIMEOUT,
    "intercepted log in first": LOST,
    # It takes TLS for a connection, and does not look at what ALPN has selected.
    "unreachable: TCP ends before SETTINGS": LOST,
    "certificate_refused: by an alert after our handshake": LOST,
    "peer_not_trusted: HTTP/1.1 only": LOST,
    "peer_not_trusted: no ALPN": LOST,
    # It has a proxy by host and port alone, which the environment does not give: it goes past it.
    "proxy_refused: 407 to CONNECT": DELIVERED,
    "unreachable: 502 to CONNECT": DELIVERED,
    # It does not know resets, and a GOAWAY ends its connection whatever the last stream was.
    "not_processed: REFUSED_STREAM": TIMEOUT,
    "not_processed: GOAWAY": LOST,
    "not_processed: GOAWAY, TCP ends": LOST,
    "too_many_streams: ENHANCE_YOUR_CALM": LOST,
    "too_many_streams: as Firebase says it": LOST,
    "200: GOAWAY at its id, then the answer": LOST,
    "403 BadCertificateEnvironment as the reason of a GOAWAY": LOST,
}
HTTPX: Final[Faults] = {
    # It takes TLS for a connection.
    "unreachable: TCP ends before SETTINGS": (WRITING, READING, PROTOCOL),
    # It asks for HTTP/1.1 too, and takes a peer without ALPN for one.
    "peer_not_trusted: HTTP/1.1 only": DELIVERED,
    "peer_not_trusted: no ALPN": DELIVERED,
    # One error for a reset and a GOAWAY of any kind: what was certainly not processed is not told apart.
    "not_processed: REFUSED_STREAM": PROTOCOL,
    "not_processed: GOAWAY": PROTOCOL,
    "not_processed: GOAWAY, TCP ends": PROTOCOL,
    "too_many_streams: ENHANCE_YOUR_CALM": PROTOCOL,
    "too_many_streams: as Firebase says it": PROTOCOL,
    "200: GOAWAY at its id, then the answer": PROTOCOL,
}
FAULTS: Final = {"aioapns": AIOAPNS, "httpx": HTTPX}
"""The outcome; several where the kernel decides which of two errors comes first."""

WORDS: Final[dict[str, dict[str, str]]] = {
    "aioapns": {
        "unknown: GOAWAY at its id, then silence": "connection_lost",
        "unknown: half an answer, then silence": "connection_lost",
        "unknown: RST_STREAM": "timeout",
        "unknown: REFUSED_STREAM within an answer": "connection_lost",
        "unknown: bytes that are no frames": "timeout",
        "unknown: an answer to a request that was none": "connection_lost",
        "unknown: a header block that is none": "connection_lost",
    },
    "httpx": {
        "unknown: GOAWAY at its id, then silence": "RemoteProtocolError",
        "unknown: RST_STREAM": "RemoteProtocolError",
        "unknown: TCP ends": "RemoteProtocolError",
        "unknown: TCP ends within an answer": "RemoteProtocolError",
        "unknown: REFUSED_STREAM within an answer": "RemoteProtocolError",
        "unknown: bytes that are no frames": "timeout",
        "unknown: an answer to a request that was none": "LocalProtocolError",
        "unknown: a header block that is none": "LocalProtocolError",
    },
}
"""Where the verdict is the table's, and only the word for it is the library's own."""

_UNREADABLE: Final = ("JSONDecodeError",)
ESCAPES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "aioapns": {
        "400 broken JSON": _UNREADABLE,
        "400 unknown status": _UNREADABLE,
        "410 Unregistered no time": ("KeyError",),
        "410 HTML": _UNREADABLE,
        "500 HTML": _UNREADABLE,
        "intercepted captive HTML": _UNREADABLE,
        "intercepted log in first": _UNREADABLE,
        "unknown: half an answer, then silence": _UNREADABLE,
        "unknown: TCP ends within an answer": _UNREADABLE,
        "unknown: REFUSED_STREAM within an answer": _UNREADABLE,
        "unknown: an answer to a request that was none": ("ProtocolError",),
        "unknown: a header block that is none": ("ProtocolError",),
    },
}
"""Exceptions that leave its callbacks for the event loop."""
