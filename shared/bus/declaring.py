"""Making sure that a topology is in the broker, in parallel and as often as one likes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

from shared.bus.amqp import Channel
from shared.bus.errors import QueueMissing, TopologyRefused
from shared.bus.link import Link
from shared.bus.topology import Queue, Topology

AT_ONCE: Final = 8
"""Channels to declare on; each declares one thing after the other."""


async def declare(link: Link, topology: Topology) -> None:
    """Exchanges first, then queues with their bindings. Raises `TopologyRefused`."""
    try:
        async with _channel(link) as channel:
            for exchange in topology.exchanges:
                await channel.declare_exchange(exchange.name, exchange.kind)
        await asyncio.gather(*(_declare(link, topology.queues[part::AT_ONCE]) for part in range(AT_ONCE)))
    except TopologyRefused as refusal:
        if "ACCESS_REFUSED" not in str(refusal):
            raise
        await _check(link, topology)


async def _declare(link: Link, queues: Sequence[Queue]) -> None:
    async with _channel(link) as channel:
        for queue in queues:
            await channel.declare_queue(queue.name, queue.arguments)
            for exchange, key in queue.bindings:
                await channel.bind(queue.name, exchange, key)


async def _check(link: Link, topology: Topology) -> None:
    """For a user who may not configure: only ask whether all is there."""
    try:
        async with _channel(link) as channel:
            for exchange in topology.exchanges:
                await channel.exchange_exists(exchange.name)
            for queue in topology.queues:
                await channel.depth(queue.name)
    except QueueMissing as missing:
        raise TopologyRefused(f"missing, and we may not declare it: {missing}") from None


@contextlib.asynccontextmanager
async def _channel(link: Link) -> AsyncIterator[Channel]:
    channel = await link.open()
    try:
        yield channel
    finally:
        await channel.close()
