"""Consuming that goes on after every loss: messages of a channel that is gone are skipped, never handed out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import structlog

from shared.bus.amqp import Channel
from shared.bus.errors import BusError
from shared.bus.incoming import Incoming
from shared.bus.link import BACKOFF, Link

Source = Callable[[Channel], Awaitable[str]]
"""Names the queue to consume, on every new channel; a listener makes its own there."""

STOPPING: Final = 5.0
"""Seconds that the broker has to answer when a consumer stops; what it still delivers is given back anyway."""

AFTER_CANCEL: Final = 0.5
"""Seconds before consuming again what the broker cancelled: a queue that is being deleted still accepts a consumer, and
forgets it."""
WATCH: Final = 10.0
"""Seconds between two looks whether the broker still delivers to us. A consumer that it has forgotten looks idle."""

log = structlog.get_logger()


class Consumer(AsyncIterator[Incoming]):
    """An iterator that several tasks may share. Prefetch bounds what it holds.

    `stop` ends the iteration and gives back what nobody took; what is in hand can still be settled until the
    consumer's context is left.
    """

    def __init__(
        self, link: Link, source: Source, *, prefetch: int, acknowledge: bool = False, watch: float = WATCH
    ) -> None:
        self._link = link
        self._source = source
        self._prefetch = prefetch
        self._acknowledge = acknowledge
        self._messages: asyncio.Queue[Incoming | None] = asyncio.Queue()
        self._stopped = False
        self._channel: Channel | None = None
        self._tag: str | None = None
        self._consuming = asyncio.Event()
        self._watch = watch
        self._held: list[Incoming] = []
        self._heard = True

    @property
    def consuming(self) -> bool:
        """Whether the broker delivers to us now."""
        return self._consuming.is_set()

    async def started(self) -> None:
        """Return when the broker delivers to us."""
        await self._consuming.wait()

    async def __anext__(self) -> Incoming:
        while True:
            message = await self._messages.get()
            if message is None:
                self._messages.put_nowait(None)  # for the others who share us
                raise StopAsyncIteration
            if message.stale:
                continue
            if self._acknowledge:
                await message.ack()
            return message

    async def run(self) -> None:
        """Consume, on a new channel after every loss; until stopped or cancelled."""
        tries = 0
        while not self._stopped:
            began = asyncio.get_running_loop().time()
            try:
                await self._session()
            except BusError as error:
                log.warning("bus_consume_failed", link=self._link.name, error=str(error))
            finally:
                self._consuming.clear()
            lasted = asyncio.get_running_loop().time() - began
            tries = 0 if lasted > BACKOFF[-1] else tries + 1
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])

    async def stop(self) -> None:
        """No more deliveries, and back with what nobody took yet. A second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        if self._channel is not None and self._tag is not None:
            with contextlib.suppress(BusError, TimeoutError):
                async with asyncio.timeout(STOPPING):
                    await self._channel.cancel(self._tag)
        self._consuming.clear()
        while not self._messages.empty():
            if (message := self._messages.get_nowait()) is not None:
                await message.requeue()
        self._messages.put_nowait(None)

    async def close(self) -> None:
        """Stop, and give back what is in hand too."""
        await self.stop()
        if self._channel is not None:
            await self._channel.close()

    async def _session(self) -> None:
        """One channel's life. A consumer that the broker cancelled starts again on it: what is in hand stays ours."""
        self._channel = channel = await self._link.open()
        self._held.clear()
        while not channel.closed and not self._stopped:
            queue = await self._source(channel)
            self._tag = await channel.consume(queue, self._prefetch, self._arrived)
            self._consuming.set()
            await self._delivered(channel, queue)
            self._consuming.clear()
            if not self._stopped:
                log.warning("bus_consumer_ended", link=self._link.name, queue=queue, lost=channel.closed)
                await asyncio.sleep(AFTER_CANCEL)

    async def _delivered(self, channel: Channel, queue: str) -> None:
        """Return when the channel or the consumer on it has ended, or is found deaf twice: then the channel is closed,
        on which nothing is in hand.
        """
        deaf = 0
        while deaf <= 1:
            self._heard = False
            try:
                async with asyncio.timeout(self._watch):
                    await channel.ended()
            except TimeoutError:
                deaf = deaf + 1 if await self._deaf(channel, queue) else 0
            else:
                return
        await channel.close()

    async def _deaf(self, channel: Channel, queue: str) -> bool:
        """Nothing in hand, nothing arrived, yet messages are ready or the broker knows no consumer."""
        self._held = [message for message in self._held if not message.settled]
        if self._stopped or self._heard or self._held:
            return False
        depth = await channel.depth(queue)
        return depth.consumers == 0 or depth.ready > 0

    async def _arrived(self, message: Incoming) -> None:
        self._heard = True
        if self._stopped:
            await message.requeue()
            return
        if len(self._held) > 2 * self._prefetch:
            self._held = [held for held in self._held if not held.settled]
        self._held.append(message)
        self._messages.put_nowait(message)
