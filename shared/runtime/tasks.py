"""Task groups inside context managers: what fails in the body comes out as itself, not wrapped in a group."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """As `asyncio.TaskGroup`, for a context manager that yields to a caller who knows nothing of the tasks.

    A task that fails still cancels the body, and its exception comes out in a group.
    """
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        try:
            yield tasks
        except Exception as error:  # noqa: BLE001  # raised again below, once the tasks have ended
            failure = error
    if failure is not None:
        raise failure
