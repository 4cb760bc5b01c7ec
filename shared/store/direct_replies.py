"""Waits for the store's replies in the task that asked, where pymongo starts three tasks for each command.

pymongo's asynchronous connections write in a task of its own, read in another, and beside it a third looks twice a
second whether the connection was given up: from the reply's last byte to whoever asked six turns of the event loop
pass. In a process whose loop is full of a broadcast a turn takes milliseconds, and a command took 61 ms in place of
4.5. Here the one who asked wakes up with the reply, and a timer looks. Put in the place of pymongo's two functions, as
long as they are those that this was written against; else all stays as pymongo does it.
"""

import asyncio
import inspect
import time
from types import TracebackType
from typing import Any, Final, Self

from pymongo import _csot
from pymongo.asynchronous import pool
from pymongo.errors import ProtocolError, _OperationCancelled
from pymongo.message import _UNPACK_REPLY

POOL: Final[Any] = pool
"""The module whose two functions every connection uses."""
LOOK: Final = 0.5
"""Seconds between two looks whether the connection was given up: as pymongo's own."""
GIVEN_UP: Final = "operation cancelled"
TIMED_OUT: Final = "timed out"
MOST_BYTES: Final = 48_000_000
SENDS: Final = ("conn", "buf")
RECEIVES: Final = ("conn", "request_id", "max_message_size")


def install() -> bool:
    """Whether replies are waited for directly from here on; safe to repeat."""
    known = _takes("async_sendall", SENDS) and _takes("async_receive_message", RECEIVES)
    if known:
        POOL.async_sendall, POOL.async_receive_message = send, receive
    return known


def _takes(name: str, parameters: tuple[str, ...]) -> bool:
    found = getattr(POOL, name, None)
    return callable(found) and tuple(inspect.signature(found).parameters) == parameters


async def send(conn: Any, buf: bytes) -> None:
    """Hands a message to the transport, which is never waited for."""
    await conn.write(buf)


async def receive(conn: Any, request_id: int | None, max_message_size: int = MOST_BYTES) -> Any:
    """The reply. Raises `TimeoutError`, `_OperationCancelled` (the connection was given up), `OSError` and
    `ProtocolError`, upon which the connection is closed.
    """
    if conn.cancel_context.cancelled:
        raise _OperationCancelled(GIVEN_UP)
    with Patience(conn.cancel_context, _deadline(conn)):
        data, op_code = await conn.conn.get_conn.read(request_id, max_message_size)
    unpack = _UNPACK_REPLY.get(op_code)
    if unpack is None:
        message = f"Got opcode {op_code!r} but expected {_UNPACK_REPLY.keys()!r}"
        raise ProtocolError(message)
    return unpack(data)


def _deadline(conn: Any) -> float | None:
    if _csot.get_timeout():
        return _csot.get_deadline()
    seconds: float | None = conn.conn.gettimeout
    return time.monotonic() + seconds if seconds else None


class Patience:
    """While the block waits: until a deadline, or until the connection is given up. Ends it as `asyncio.timeout` does:
    by cancelling the task, and telling its own cancellation from that of others.
    """

    __slots__ = ("_asked", "_context", "_deadline", "_loop", "_task", "_timer", "_why")

    def __init__(self, context: Any, deadline: float | None) -> None:
        self._context, self._deadline = context, deadline

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            message = "the store is asked by a task"
            raise RuntimeError(message)
        self._task, self._asked, self._loop = task, task.cancelling(), asyncio.get_running_loop()
        self._why: Exception | None = None
        self._wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        if self._why is None:
            return
        if self._task.uncancel() <= self._asked and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise self._why from raised

    def _wait(self) -> None:
        left = LOOK if self._deadline is None else min(LOOK, max(self._deadline - time.monotonic(), 0))
        self._timer = self._loop.call_later(left, self._look)

    def _look(self) -> None:
        if self._context.cancelled:
            self._why = _OperationCancelled(GIVEN_UP)
        elif self._deadline is not None and time.monotonic() >= self._deadline:
            self._why = TimeoutError(TIMED_OUT)
        else:
            self._wait()
            return
        self._task.cancel()
