"""JSON lines on stdout: fixed snake_case events with key-values, no token and no payload, never blocking the loop."""

import contextlib
import hashlib
import json
import logging
import queue
import sys
import threading
from collections.abc import Iterator, MutableMapping
from typing import Any, BinaryIO, Final

import structlog
from structlog.types import EventDict, WrappedLogger

QUEUED: Final = 10_000
"""Lines that may wait for a slow reader of stdout; what is more is dropped and counted in the next line."""
TOGETHER: Final = 100
"""Lines in one write: without a bound, a fast writer of lines would have them all in memory, full queue or not."""
PATIENCE: Final = 2.0
"""Seconds that the end of the process waits for a reader of stdout."""
REDACTED: Final = "[redacted]"
FORBIDDEN: Final = frozenset(
    {"token", "authorization", "secret", "key", "password", "payload", "body", "credentials", "private_key", "p8"}
)
"""What a key-value is named after that never reaches a log: the whole name, or its last part (`device_token`)."""
LIBRARY_TEXT: Final = 500
"""Characters kept of what a library logs."""

Value = str | int | float | bool | None


def fingerprint(token: str | bytes, key: bytes) -> str:
    """12 hex digits that tell two tokens apart in a log without showing either; `key` is the installation's own."""
    data = token.encode() if isinstance(token, str) else token
    return hashlib.blake2b(data, key=key[:64], digest_size=6).hexdigest()


@contextlib.contextmanager
def open_logs(*, service: str, level: str = "info", stream: BinaryIO | None = None) -> Iterator[None]:
    """Configure structlog and the standard library's logging for this process; leaving writes out what is queued."""
    lines = _Lines(stream or sys.stdout.buffer)
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.EventRenamer("event"),
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    bridge = _Bridge(max(number, logging.WARNING))
    logging.getLogger().addHandler(bridge)
    structlog.contextvars.bind_contextvars(service=service)
    lines.start()
    try:
        yield
    finally:
        structlog.contextvars.clear_contextvars()
        logging.getLogger().removeHandler(bridge)
        lines.stop()
        structlog.reset_defaults()


def bound(**values: Value) -> contextlib.AbstractContextManager[None]:
    """Key-values (send, slice) on every line of this task until the end of the `with`."""
    return structlog.contextvars.bound_contextvars(**values)


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace what is named after a secret, at any depth."""
    for name, value in event.items():
        event[name] = REDACTED if _forbidden(name) else _redacted(value)
    return event


def _forbidden(name: str) -> bool:
    lowered = name.lower().replace("-", "_")
    return lowered in FORBIDDEN or lowered.rpartition("_")[2] in FORBIDDEN


def _redacted(value: object) -> object:
    if isinstance(value, MutableMapping | dict):
        return {str(name): REDACTED if _forbidden(str(name)) else _redacted(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    return REDACTED if isinstance(value, bytes | bytearray | memoryview) else value


def _json(event: EventDict, **_: Any) -> str:
    return json.dumps(event, default=str, separators=(",", ":"))


class _Lines:
    """The last link of structlog's chain: a bounded queue and the thread that writes it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._queue: queue.Queue[str | None] = queue.Queue(QUEUED)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="logs", daemon=True)

    def msg(self, line: str) -> None:
        if self._dropped and not self._queue.full():
            line, self._dropped = f'{line[:-1]},"lines_dropped":{self._dropped}}}', 0
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    debug = info = warning = error = critical = exception = msg

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write out what is queued, but end even if nobody reads."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=PATIENCE)
        self._thread.join(PATIENCE)

    def _write(self) -> None:
        ended = False
        while not ended and (line := self._queue.get()) is not None:
            lines = [line]
            while not ended and len(lines) < TOGETHER and not self._queue.empty():
                more = self._queue.get()
                ended = more is None
                lines += [] if more is None else [more]
            with contextlib.suppress(OSError, ValueError):  # stdout is closed: nobody is left to tell
                self._stream.write("\n".join([*lines, ""]).encode())
                self._stream.flush()


class _Bridge(logging.Handler):
    """What libraries log through the standard library, as our events."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()[:LIBRARY_TEXT]
            structlog.get_logger().log(record.levelno, "library_log", logger=record.name, text=text)
        except Exception:  # noqa: BLE001  # as the standard library does: a log line never breaks its caller
            self.handleError(record)
