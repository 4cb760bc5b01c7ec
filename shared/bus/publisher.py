"""Publishing with confirmation over a few channels: returns confirmed, or raises what the caller must do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import count
from typing import Final

from shared.bus.amqp import Channel, Message, outgoing
from shared.bus.errors import BusError, NotConfirmed, Unroutable, Why
from shared.bus.link import BACKOFF, Link
from shared.bus.topology import DEFAULT
from shared.runtime.express import express

CHANNELS: Final = 3
IN_FLIGHT: Final = 900
"""Unconfirmed publishes over all channels: confirming several at once walks all that wait on the channel."""
AGAIN: Final = 1.0
"""Seconds between two questions whether the broker confirms again."""
PROBE: Final = "carillon.probe"
"""No queue has this name: what is published to it is confirmed and returned, and stored nowhere."""


class Publisher:
    """`run` keeps its channels open; `publish` may be called by any number of tasks."""

    def __init__(self, link: Link) -> None:
        self.confirming = False
        """Whether the last publish was answered: confirmed, or refused by a full queue. Found out anew while not."""
        self._link = link
        self._open: dict[int, Channel] = {}
        self._any_open = asyncio.Event()
        self._doubtful = asyncio.Event()
        self._turn = count()
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._flying: dict[str, asyncio.Event] = {}

    async def run(self) -> None:
        """Keep the channels, and ask again while the broker does not confirm; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask_again())
            for slot in range(CHANNELS):
                tasks.create_task(self._keep(slot))

    async def publish(self, exchange: str, key: str, message: Message, *, mandatory: bool, timeout: float) -> None:  # noqa: ASYNC109  # the limit is part of the promise
        """Raises `Unroutable` or `NotConfirmed`, within the time limit (seconds)."""
        try:
            async with self._alone(message.message_id or ""):
                await self._within(timeout, exchange, key, message, mandatory=mandatory)
        except NotConfirmed as refusal:
            if refusal.why != "nack":
                self.confirming = False
                self._doubtful.set()
            raise
        except Unroutable:
            self.confirming = True
            raise
        self.confirming = True

    async def _within(self, limit: float, exchange: str, key: str, message: Message, *, mandatory: bool) -> None:
        sent = False
        try:
            async with asyncio.timeout(limit), self._room:
                channel = await self._channel()
                sent = True
                with express():  # a channel has a lock, and others wait for it
                    await channel.publish(exchange, key, message, mandatory=mandatory)
        except TimeoutError:
            why: Why = "blocked" if self._link.blocked else "timeout" if self._link.up else "connection"
            raise NotConfirmed(why, f"no answer within {limit:g} s", sent=sent) from None

    async def _channel(self) -> Channel:
        while True:
            await self._any_open.wait()
            if self._link.blocked:
                await self._link.unblocked()
            channels = list(self._open.values())
            if channels:
                return channels[next(self._turn) % len(channels)]

    async def _keep(self, slot: int) -> None:
        while True:
            try:
                channel = await self._link.open()
            except BusError:
                await asyncio.sleep(BACKOFF[0])
                continue
            self._open[slot] = channel
            self._any_open.set()
            try:
                await channel.ended()
            finally:
                del self._open[slot]
                if not self._open:
                    self._any_open.clear()

    async def _ask_again(self) -> None:
        while True:
            await self._doubtful.wait()
            self._doubtful.clear()
            while not self.confirming:
                await asyncio.sleep(AGAIN)
                with contextlib.suppress(BusError):
                    await self.probe(AGAIN * 2)

    async def probe(self, limit: float) -> None:
        """Raises `NotConfirmed` unless the broker confirms a publish within the limit (seconds)."""
        with contextlib.suppress(Unroutable):
            await self.publish(DEFAULT, PROBE, outgoing(b"", persistent=False), mandatory=True, timeout=limit)

    @contextlib.asynccontextmanager
    async def _alone(self, message_id: str) -> AsyncIterator[None]:
        """A publish that was returned is found by its message id (aiormq), so two of one id never fly together."""
        while message_id in self._flying:
            await self._flying[message_id].wait()
        self._flying[message_id] = landed = asyncio.Event()
        try:
            yield
        finally:
            del self._flying[message_id]
            landed.set()
