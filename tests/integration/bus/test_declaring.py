"""Declaring: as often and by as many as one likes, and never over something that differs."""

import asyncio

import pytest

from shared.bus.connection import Bus
from shared.bus.errors import TopologyRefused
from shared.bus.topology import Queue, Topology, guarded, topology

pytestmark = pytest.mark.anyio


async def test_everything_is_declared_any_number_of_times_at_once(bus: Bus) -> None:
    wanted = topology(["pmany"], 30)
    await asyncio.gather(*(bus.declare(wanted) for _ in range(3)))
    depths = await asyncio.gather(*(bus.depth(queue.name) for queue in wanted.queues))
    assert len(depths) == len(wanted.queues)


async def test_a_queue_that_differs_stops_the_start_with_its_name(bus: Bus) -> None:
    await bus.declare(Topology((), (Queue("differs", guarded("dead", "differs")),)))
    with pytest.raises(TopologyRefused, match="differs"):
        await bus.declare(Topology((), (Queue("differs", guarded("dead", "other")),)))
    await bus.check()
