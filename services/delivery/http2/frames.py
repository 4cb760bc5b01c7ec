"""The frames of RFC 9113 as bytes: their kinds, flags and error codes, and the ones that a client writes by itself."""

from enum import IntEnum
from struct import Struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

HEAD: Final = Struct(">IBI")
"""A frame's head as length and kind in one number, flags, stream: three numbers are read faster than five."""
WORD: Final = Struct(">I")
SETTING: Final = Struct(">HI")

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

LEAST_FRAME: Final = 16_384
MOST_FRAME: Final = 16_777_215
FIRST_WINDOW: Final = 65_535
MOST_WINDOW: Final = 2**31 - 1
LAST_STREAM: Final = 2**31 - 1


class ErrorCode(IntEnum):
    """RFC 9113, section 7."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class Violation(Exception):  # noqa: N818  # it is the peer that errs
    """The peer broke the protocol so that the whole connection must end with this code."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return HEAD.pack(len(payload) << 8 | kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """SETTINGS."""
    return frame(SETTINGS, 0, 0, b"".join(SETTING.pack(*pair) for pair in values.items()))


def window_update(stream: int, by: int) -> bytes:
    """WINDOW_UPDATE."""
    return frame(WINDOW_UPDATE, 0, stream, WORD.pack(by))


def reset(stream: int, code: ErrorCode) -> bytes:
    """RST_STREAM."""
    return frame(RST_STREAM, 0, stream, WORD.pack(code))


def goaway(code: ErrorCode, debug: str = "") -> bytes:
    """GOAWAY of a client: the server never opens a stream, so the last one is 0."""
    return frame(GOAWAY, 0, 0, WORD.pack(0) + WORD.pack(code) + debug.encode())


def code_name(code: int) -> str:
    """An error code in words, for reasons that people read."""
    try:
        return ErrorCode(code).name.lower()
    except ValueError:
        return f"code_{code}"
