"""Grouping of what many tasks want done: a couple of milliseconds or a full group, then one call for all of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, Generic, TypeVar

from shared.runtime.tasks import task_group

LINGER: Final = timedelta(milliseconds=2)
MOST: Final = 100
IN_FLIGHT: Final = 4
SELDOM: Final = 0.1
"""Seconds between puts from which on they count as single ones."""

T = TypeVar("T")
R = TypeVar("R")

Flush = Callable[[list[T]], Awaitable[Sequence[R | Exception]]]
"""One result for each item, in their order; a result that is an exception is raised at its put."""

_Group = list[tuple[T, asyncio.Future[R]]]


class Grouper(Generic[T, R]):
    """Made by `open_grouper`. Any number of tasks may `put`; each awaits what became of its own item."""

    def __init__(  # one for each promise of `open_grouper`
        self,
        flush: Flush[T, R],
        linger: timedelta,
        longest: timedelta,
        most: int,
        in_flight: int,
        stagger: timedelta,
    ) -> None:
        self._flush = flush
        self._linger = linger.total_seconds()
        self._longest = longest.total_seconds()
        self._stagger = stagger.total_seconds()
        self._began = 0.0
        self._most = most
        self._waiting: _Group[T, R] = []
        self._flushing = 0
        self._overdue = False
        self._put_at = 0.0
        self._gap = SELDOM
        self._timer: asyncio.TimerHandle | None = None
        self._room = asyncio.Semaphore(most * in_flight * 2)
        self._due = asyncio.Event()
        self._closed = False

    async def put(self, item: T) -> R:
        """The item's result, or its exception. An exception of the flush itself is raised at every put of the group.

        Waits while too many items are under way. A cancelled put does not withdraw its item. Raises `RuntimeError`
        after the end.
        """
        async with self._room:
            if self._closed:
                raise RuntimeError("the grouper is closed")
            outcome: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            self._waiting.append((item, outcome))
            self._arrived(asyncio.get_running_loop().time())
            if len(self._waiting) >= self._most:
                self._release()
            elif self._timer is None and not self._overdue and not self._due.is_set():
                self._watch()
            return await outcome

    def close(self) -> None:
        """Take nothing more; what was put is flushed."""
        self._closed = True
        self._release()

    async def work(self) -> None:
        """Flush one group after the other until closed. While all workers flush, the next group grows."""
        while True:
            await self._due.wait()
            if not self._due.is_set():  # another worker was woken too, and was first
                continue
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            if len(self._waiting) < self._most and not self._closed:
                self._due.clear()
                if self._waiting:
                    self._watch()
            if group:
                await self._flushed(group)
            elif self._closed:
                return

    async def _flushed(self, group: _Group[T, R]) -> None:
        self._flushing += 1
        self._began = asyncio.get_running_loop().time()
        try:
            await self._settle(group)
        finally:
            self._flushing -= 1
            if self._overdue:
                self._release()

    async def _settle(self, group: _Group[T, R]) -> None:
        results: Sequence[R | Exception]
        try:
            results = _complete(await self._flush([item for item, _ in group]), len(group))
        except asyncio.CancelledError:
            for _, outcome in group:
                outcome.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # it is raised at the puts
            results = [error] * len(group)
        for (_, outcome), result in zip(group, results, strict=True):
            if outcome.done():  # its put was cancelled
                continue
            if isinstance(result, Exception):
                outcome.set_exception(result)
            else:
                outcome.set_result(result)

    def _arrived(self, now: float) -> None:
        """Keeps the usual gap between puts, the latest ones counting most."""
        self._gap += (min(now - self._put_at, SELDOM) - self._gap) / 8
        self._put_at = now

    def _silence(self) -> float:
        """How long nothing has to come before a group goes: longer where puts follow each other."""
        expected = 2 * self._gap
        return self._linger if expected > self._longest else max(self._linger, expected)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._silence(), self._look, loop.time(), len(self._waiting))

    def _look(self, began: float, seen: int) -> None:
        loop = asyncio.get_running_loop()
        patient, silence = self._longest > self._linger, self._silence()
        if len(self._waiting) > seen and loop.time() - began + silence <= self._longest:
            self._timer = loop.call_later(silence, self._look, began, len(self._waiting))
        elif patient and self._flushing:
            self._timer, self._overdue = None, True
        elif self._flushing and (apart := self._began + self._stagger - loop.time()) > 0:
            self._timer, self._overdue = loop.call_later(apart, self._release), True
        else:
            self._release()

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._overdue = False
        if self._waiting or self._closed:
            self._due.set()


def _complete(results: Sequence[R | Exception], wanted: int) -> Sequence[R | Exception]:
    if len(results) != wanted:
        raise RuntimeError(f"{len(results)} results for {wanted} items")
    return results


@contextlib.asynccontextmanager
async def open_grouper(
    flush: Flush[T, R],
    *,
    linger: timedelta = LINGER,
    longest: timedelta | None = None,
    most: int = MOST,
    in_flight: int = IN_FLIGHT,
    stagger: timedelta = timedelta(),
) -> AsyncIterator[Grouper[T, R]]:
    """Groups of at most `most` items, gathered for `linger`, at most `in_flight` of them flushed at once.

    With `longest`, gathering goes on while every `linger` brings more, up to that, and a group that is not full waits
    for those in flight: the slower the flush, the larger the groups. With `stagger`, such a group waits for one of them
    to end, but after the last one began no longer than that. Leaving flushes what was put and waits for it.
    """
    grouper = Grouper(flush, linger, longest or linger, most, in_flight, stagger)
    async with task_group() as tasks:
        for _ in range(in_flight):
            tasks.create_task(grouper.work())
        try:
            yield grouper
        finally:
            grouper.close()
