"""An HTTP server inside a process that has other work: it takes no signals and stops with whoever opened it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from shared.runtime.tasks import task_group

GRACE: Final = timedelta(seconds=5)
"""For requests in flight; without a limit uvicorn waits for ever for an open connection."""
KEEP_ALIVE: Final = 75
"""Seconds; longer than clients and load balancers keep a connection, so that it is they who close an idle one."""
STARTING: Final = 0.005


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """`life` has them."""
        yield


@contextlib.asynccontextmanager
async def serve(app: ASGIApp, *, host: str, port: int, grace: timedelta = GRACE) -> AsyncIterator[int]:
    """Serve `app` until left; gives the port, which is a free one for 0. Raises `OSError` if it is taken."""
    listening = _listen(host, port)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(grace.total_seconds())),
    )
    server = _Server(config)
    async with task_group() as tasks:
        task = tasks.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started and not task.done():  # noqa: ASYNC110  # uvicorn offers no event
                await asyncio.sleep(STARTING)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=2048)
    # asyncio does so only for sockets that name their protocol; without it every answer waits 40 ms for a delayed ACK
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setblocking(False)
    return listening
