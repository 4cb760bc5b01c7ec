"""The bus as services use it: one connection for publishing, one for consuming, both made again whenever lost.

They are two because the broker's alarms stop a publishing connection altogether, acknowledgements included.

Long by its docstrings: each method is one promise of the bus, kept by the file of that name.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from shared.bus.amqp import Channel, Depth, Headers, outgoing
from shared.bus.consumer import Consumer, Source
from shared.bus.dead import kept
from shared.bus.declaring import declare
from shared.bus.errors import NotConfirmed
from shared.bus.incoming import Incoming
from shared.bus.link import Link
from shared.bus.publisher import Publisher
from shared.bus.topology import DEAD, Argument, Topology
from shared.runtime.express import express
from shared.runtime.metrics import Metrics
from shared.runtime.tasks import task_group

HEARTBEAT: Final = 10
"""Seconds; a dead peer is noticed after 3 times (this + 1). RabbitMQ's heartbeat guide: best are 5 to 20."""
LISTENING: Final = "listen."
"""Listeners' own queues start with this, so that permissions can name them."""
HEARD_AT_MOST: Final = 10_000
"""Messages that a listener may fall behind before it loses the oldest."""


class Bus:
    """Made by `open_bus`, which closes it. Any number of tasks may share it."""

    def __init__(
        self, out: Link, into: Link, publisher: Publisher, tasks: asyncio.TaskGroup, metrics: Metrics | None
    ) -> None:
        self._metrics = metrics
        self._out = out
        self._in = into
        self._publisher = publisher
        self._tasks = tasks

    @property
    def blocked(self) -> bool:
        """Whether the broker has told us that it reads no publishes (a memory or disk alarm)."""
        return self._out.blocked

    @property
    def connected(self) -> bool:
        """Whether there is a connection to publish on."""
        return self._out.up

    @property
    def confirming(self) -> bool:
        """Whether the last publish was confirmed. While not, the bus asks the broker every second."""
        return self._publisher.confirming

    async def publish(  # noqa: PLR0913  # AMQP's own properties, each optional
        self,
        exchange: str,
        key: str,
        body: bytes,
        *,
        message_id: str | None = None,
        headers: Headers | None = None,
        mandatory: bool = True,
        persistent: bool = True,
        correlation_id: str | None = None,
        timeout: float = 5.0,  # noqa: ASYNC109  # the limit is part of the promise
    ) -> None:
        """Return when the broker has confirmed, which for a quorum queue means on disk at a majority.

        Raises `Unroutable` (stored nowhere) or, within `timeout` seconds, `NotConfirmed` (says why, and whether it may
        be stored all the same). Never repeats by itself; while reconnecting it waits. With `mandatory=False` a message
        without a queue is dropped in silence: only for what nobody may be listening to (feedback).
        """
        message = outgoing(
            body, message_id=message_id, headers=headers, persistent=persistent, correlation_id=correlation_id
        )
        began = time.monotonic()
        try:
            await self._publisher.publish(exchange, key, message, mandatory=mandatory, timeout=timeout)
        except NotConfirmed as refusal:
            if self._metrics:
                self._metrics.publish_unconfirmed.labels(refusal.why).inc()
            raise
        if self._metrics:
            self._metrics.broker_seconds.labels(exchange or "default").observe(time.monotonic() - began)

    async def bury(self, incoming: Incoming, queue: str, reason: str) -> None:
        """To the dead letters with the reason, then acked: what can never be processed. Raises as `publish` does."""
        headers = {**kept(incoming.headers), "reason": reason, "queue": queue}
        await self.publish(DEAD, queue, incoming.body, headers=headers, correlation_id=incoming.correlation_id)
        if self._metrics:
            self._metrics.dead_letters.labels(queue).inc()
        await incoming.ack()

    @contextlib.asynccontextmanager
    async def consume(self, queue: str, *, prefetch: int) -> AsyncIterator[Consumer]:
        """Deliveries of a queue, at most `prefetch` unsettled at a time, over every loss and until `stop`.

        Leaving the context gives back what is not settled. A queue that does not exist (yet) is waited for.
        """

        async def source(_: Channel) -> str:
            return queue

        async with self._running(Consumer(self._in, source, prefetch=prefetch)) as consumer:
            yield consumer

    @contextlib.asynccontextmanager
    async def listen(self, exchange: str, keys: Sequence[str]) -> AsyncIterator[Consumer]:
        """Hear what passes an exchange from now on, acked already: for hints only.

        What passes during a loss of connection is not heard, nor is what one falls behind by more than 10,000.
        """
        async with self._running(
            Consumer(self._in, _own_queue(exchange, keys), prefetch=100, acknowledge=True)
        ) as consumer:
            yield consumer

    async def declare(self, topology: Topology) -> None:
        """Make sure that all of it is there; may be called by any number of processes at any time.

        A user who may not configure (a production broker gets the topology from its definitions) only checks.
        Raises `TopologyRefused`, naming the first that differs or is missing.
        """
        await declare(self._in, topology)

    async def depth(self, queue: str) -> Depth:
        """Ask the broker for the ready messages and consumers of a queue. Raises `QueueMissing`."""
        channel = await self._in.open()
        try:
            return await channel.depth(queue)
        finally:
            await channel.close()

    async def check(self, limit: float = 2.0) -> None:
        """Ask the broker: raises `NotConfirmed` unless it confirms a publish and answers where we consume, in time."""
        await self._publisher.probe(limit)
        try:
            async with asyncio.timeout(limit):
                await (await self._in.open()).close()
        except TimeoutError:
            raise NotConfirmed("connection", "no answer where we consume", sent=False) from None

    @contextlib.asynccontextmanager
    async def _running(self, consumer: Consumer) -> AsyncIterator[Consumer]:
        task = self._tasks.create_task(consumer.run())
        try:
            yield consumer
        finally:
            await consumer.close()
            task.cancel()
            await asyncio.wait([task])


@contextlib.asynccontextmanager
async def open_bus(
    url: str, *, name: str, heartbeat: int = HEARTBEAT, metrics: Metrics | None = None
) -> AsyncIterator[Bus]:
    """The bus at `url`, listed in the broker as `name`. Does not wait for the broker: publishing and consuming do."""
    out = Link(url, name=f"{name} publishing", heartbeat=heartbeat)
    into = Link(url, name=f"{name} consuming", heartbeat=heartbeat)
    publisher = Publisher(out)
    if metrics:
        metrics.broker_blocked.set_function(lambda: out.blocked)
    async with task_group() as tasks:
        with express():  # each frame is little work, and somebody may be waiting for it
            running = [tasks.create_task(part.run()) for part in (publisher, out, into)]
        try:
            yield Bus(out, into, publisher, tasks, metrics)
        finally:
            for task in running:
                task.cancel()


def _own_queue(exchange: str, keys: Sequence[str]) -> Source:
    arguments: dict[str, Argument] = {"x-max-length": HEARD_AT_MOST, "x-overflow": "drop-head"}

    async def source(channel: Channel) -> str:
        # a new name each time: the broker may not have noticed yet that the last connection is gone
        name = f"{LISTENING}{secrets.token_hex(8)}"
        await channel.declare_queue(name, arguments, exclusive=True)
        for key in keys:
            await channel.bind(name, exchange, key)
        return name

    return source
