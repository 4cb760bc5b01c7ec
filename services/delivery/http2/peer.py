"""What the other side allows, as its SETTINGS say: checked, with the defaults of RFC 9113."""

from dataclasses import dataclass
from typing import Final

from services.delivery.http2 import frames
from services.delivery.http2.frames import ErrorCode, Violation

NO_LIMIT: Final = 2**32 - 1


@dataclass(slots=True)
class Peer:
    """The settings in force. Changed by `apply`, one value at a time, in the order in which they came."""

    streams: int = NO_LIMIT
    initial_window: int = frames.FIRST_WINDOW
    frame_size: int = frames.LEAST_FRAME
    table_size: int = 4096

    def apply(self, key: int, value: int) -> None:
        """One setting; unknown ones are ignored (RFC 9113, section 6.5.2). Raises `Violation`."""
        if key == frames.MAX_CONCURRENT_STREAMS:
            self.streams = value
        elif key == frames.INITIAL_WINDOW_SIZE:
            if value > frames.MOST_WINDOW:
                raise Violation(ErrorCode.FLOW_CONTROL_ERROR, "initial window too large")
            self.initial_window = value
        elif key == frames.MAX_FRAME_SIZE:
            if not frames.LEAST_FRAME <= value <= frames.MOST_FRAME:
                raise Violation(ErrorCode.PROTOCOL_ERROR, "frame size out of bounds")
            self.frame_size = value
        elif key == frames.HEADER_TABLE_SIZE:
            self.table_size = value
        elif key == frames.ENABLE_PUSH and value:
            raise Violation(ErrorCode.PROTOCOL_ERROR, "a server cannot enable push")
