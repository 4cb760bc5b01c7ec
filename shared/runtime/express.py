"""What goes first in an event loop: asyncio's own loop, in which what was started inside `express` overtakes the rest.

A single send is some thirty steps, one after the other. Between any two of them asyncio runs everything else that is
ready, which beside a broadcast takes 5 ms. Here they follow each other, and what has arrived is looked for sooner.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context, ContextVar, copy_context
from time import perf_counter
from typing import Final

AT_ONCE: Final = 16
"""Callbacks before what has arrived meanwhile is looked for, beside those for what had arrived; what they call for soon
counts among them."""
SHARE: Final = 0.2
"""Of the time that is spent on what goes first, so much again is owed to the rest, if it has that much to do. With half
of it `now` was measured a half slower beside bulk."""
PATIENCE: Final = 0.002
"""Seconds. Until it is owed so much the rest waits."""
MOST: Final = 0.005
"""Seconds. The rest is never owed more."""

_first: ContextVar[bool] = ContextVar("first", default=False)


@contextlib.contextmanager
def express(goes_first: bool = True) -> Iterator[None]:  # noqa: FBT001, FBT002  # `express(lane is Lane.NOW)`
    """What is started inside goes first, and so do the tasks and callbacks that it starts; or no longer does.

    What comes back from a thread does not.
    """
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
    """Callbacks keep their order among those that go first, and among the rest; no order is promised between them.

    It may tell a reader twice of what one callback would have read: those of asyncio's transports mind, and
    `sock_accept`, which nobody here needs, does not.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__()
        self._ready = _Ready(self, clock)

    def _add_callback(self, handle: asyncio.Handle) -> None:
        """Of a file that has become readable or writable, and of a signal."""
        if not handle.cancelled():
            self._ready.arrived.append(handle)


class _Ready:
    """Stands where asyncio's loop keeps what is ready to run, as far as that uses it.

    The loop asks how many there are, takes so many out one by one, and then polls. It is told of `AT_ONCE` and given
    nothing in place of those that are not there. What has arrived is all run before it polls again, as it would be
    told of it again. Which of the others is next is decided by how much time each side has had.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.arrived: deque[asyncio.Handle] = deque()
        self._first: deque[asyncio.Handle] = deque()
        self._rest: deque[asyncio.Handle] = deque()
        self._owed = 0.0
        self._running: bool | None = None
        self._since = 0.0
        self._nothing = asyncio.Handle(lambda: None, (), loop)
        self._nothing.cancel()

    def append(self, handle: asyncio.Handle) -> None:
        context: Context = handle._context  # type: ignore[attr-defined]  # noqa: SLF001  # asyncio tells nobody
        (self._first if context.get(_first) else self._rest).append(handle)

    def popleft(self) -> asyncio.Handle:
        self._settle()
        if self.arrived:
            return self.arrived.popleft()
        if not (self._first or self._rest):
            return self._nothing
        first = bool(self._first) and (self._owed < PATIENCE or not self._rest)
        self._running, self._since = first, self._clock()
        return (self._first if first else self._rest).popleft()

    def _settle(self) -> None:
        """The one that was taken out last is over, as the next one is asked for."""
        if self._running is None:
            return
        took = self._clock() - self._since
        if self._running:
            self._owed = min(MOST, self._owed + took * SHARE)
        else:
            self._owed = max(0.0, self._owed - took)
        self._running = None

    def clear(self) -> None:
        for queue in (self.arrived, self._first, self._rest):
            queue.clear()

    def __len__(self) -> int:
        """Asked before a poll: the time that takes is nobody's."""
        self._settle()
        if self.arrived or self._first or self._rest:
            return AT_ONCE + len(self.arrived)
        return 0
