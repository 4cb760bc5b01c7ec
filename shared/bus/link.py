"""A connection that is made again whenever it is lost, for as long as its task runs."""

import asyncio
from typing import Final

import structlog

from shared.bus.amqp import Channel, Connection, connect
from shared.bus.errors import BusError, NotConfirmed

BACKOFF: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each try, the last one from there on."""

log = structlog.get_logger()


class Link:
    """`run` keeps it; the others use it. Lives as long as the bus."""

    def __init__(self, url: str, *, name: str, heartbeat: int) -> None:
        self.name = name
        self._url = url
        self._heartbeat = heartbeat
        self._connection: Connection | None = None
        self._up = asyncio.Event()

    @property
    def up(self) -> bool:
        return self._connection is not None and self._connection.up

    @property
    def blocked(self) -> bool:
        return self._connection is not None and self._connection.blocked

    async def unblocked(self) -> None:
        """Return when there is a connection that the broker reads publishes from, as far as it told."""
        while not self.up or self.blocked:
            connection = await self._ready()
            waits = [asyncio.ensure_future(wait) for wait in (connection.unblocked(), connection.lost())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    async def open(self) -> Channel:
        """A new channel, as soon as there is a connection. Raises `NotConfirmed` if it is lost meanwhile."""
        return await (await self._ready()).channel()

    async def run(self) -> None:
        """Connect, wait for the loss, connect again; until cancelled."""
        while True:
            self._connection = await self._connect()
            self._up.set()
            log.info("bus_connected", link=self.name)
            try:
                await self._connection.lost()
            finally:
                self._up.clear()
                await self._connection.close()
            log.warning("bus_lost", link=self.name)

    async def _connect(self) -> Connection:
        tries = 0
        while True:
            try:
                return await connect(self._url, name=self.name, heartbeat=self._heartbeat)
            except BusError as error:
                if tries % len(BACKOFF) == 0:
                    log.warning("bus_unreachable", link=self.name, error=str(error))
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
            tries += 1

    async def _ready(self) -> Connection:
        await self._up.wait()
        if self._connection is None:
            raise NotConfirmed("connection", "no connection", sent=False)
        return self._connection
