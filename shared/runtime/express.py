"""What goes first in an event loop: asyncio's own loop, in which what was started inside `express` overtakes the rest.

A single send is some thirty steps, one after the other. Between any two of them asyncio runs everything else that is
ready, which beside a broadcast takes 5 ms. Here they follow each other, and what has arrived is looked for sooner.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from contextvars import Context, ContextVar, copy_context
from typing import Final

AT_ONCE: Final = 16
"""Callbacks between two looks for what has arrived, those among them that they call for themselves."""
IN_A_ROW: Final = 8
"""Callbacks that go first before one of the rest has its turn. Those are longer: of the time the rest gets more than a
ninth."""

_first: ContextVar[bool] = ContextVar("first", default=False)


@contextlib.contextmanager
def express(goes_first: bool = True) -> Iterator[None]:  # noqa: FBT001, FBT002  # `express(lane is Lane.NOW)`
    """What is started inside goes first, and so does all that it starts; or no longer does."""
    token = _first.set(goes_first)
    try:
        yield
    finally:
        _first.reset(token)


def express_context(*, goes_first: bool) -> Context:
    """For `call_soon` and `create_task`: as if they were called inside `express`, or outside."""
    with express(goes_first):
        return copy_context()


class ExpressLoop(asyncio.SelectorEventLoop):
    """Callbacks keep their order among those that go first, and among the rest; no order is promised between them."""

    def __init__(self) -> None:
        super().__init__()
        self._ready = _Ready(self)

    def _add_callback(self, handle: asyncio.Handle) -> None:
        """Of a file that has become readable or writable."""
        if not handle.cancelled():
            self._ready.arrived.append(handle)


class _Ready:
    """Stands where asyncio's loop keeps what is ready to run, as far as that uses it.

    The loop asks how many there are, takes so many out one by one, and then polls. It is told of `AT_ONCE` and given
    nothing in place of those that are not there. What has arrived is all run before it polls again, as it would be
    told of it again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.arrived: deque[asyncio.Handle] = deque()
        self._first: deque[asyncio.Handle] = deque()
        self._rest: deque[asyncio.Handle] = deque()
        self._in_a_row = 0
        self._nothing = asyncio.Handle(lambda: None, (), loop)
        self._nothing.cancel()

    def append(self, handle: asyncio.Handle) -> None:
        context: Context = handle._context  # type: ignore[attr-defined]  # noqa: SLF001  # asyncio tells nobody
        (self._first if context.get(_first) else self._rest).append(handle)

    def popleft(self) -> asyncio.Handle:
        if self.arrived:
            return self.arrived.popleft()
        if self._first and (self._in_a_row < IN_A_ROW or not self._rest):
            self._in_a_row += 1
            return self._first.popleft()
        self._in_a_row = 0
        return self._rest.popleft() if self._rest else self._nothing

    def clear(self) -> None:
        for queue in (self.arrived, self._first, self._rest):
            queue.clear()

    def __len__(self) -> int:
        if self.arrived or self._first or self._rest:
            return AT_ONCE + len(self.arrived)
        return 0
