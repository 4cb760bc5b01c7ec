"""An event loop in a thread of its own, by which threads without one use what awaits."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs from `start` to `stop`, any number of times. Threads may share it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._gate = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises `RuntimeError` if it runs."""
        with self._gate:
            if self._loop is not None:
                message = "it is in use: one `with` block at a time"
                raise RuntimeError(message)
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
            self._thread.start()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What it comes to. Raises what it raises, and `RuntimeError` if the loop does not run."""
        future = self._submitted(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # whoever waited was interrupted; else it is done, and this changes nothing
            raise

    def stop(self) -> None:
        """Ends what is still at work; who waits for it gets `concurrent.futures.CancelledError`."""
        with self._gate:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _submitted(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        with self._gate:
            if self._loop is None:
                work.close()
                message = "use it within its `with` block"
                raise RuntimeError(message)
            return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for one in others:
        one.cancel()
    await asyncio.gather(*others, return_exceptions=True)
