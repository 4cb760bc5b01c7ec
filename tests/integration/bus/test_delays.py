"""Waiting in the ladder: nothing early, nothing held back by another, nothing lost on a full target."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.cli.local.servers import Broker
from shared.bus.connection import Bus
from shared.bus.delay import Step, ladder, wait_queue
from shared.bus.topology import DEFAULT, Queue, Topology, guarded
from tests.integration.bus.conftest import SCALE

pytestmark = pytest.mark.anyio

EACH = 8
LATE = timedelta(seconds=1)


async def test_of_mixed_delays_each_message_leaves_after_its_own_step(bus: Bus, queue: str) -> None:
    steps = [step for step in ladder(SCALE) if step.ttl <= timedelta(seconds=2)]
    longest_first = [step for _ in range(EACH) for step in reversed(steps)]

    async def wait(step: Step) -> None:
        await bus.publish(DEFAULT, wait_queue(queue, step), str(step.ttl // timedelta(milliseconds=1)).encode())

    async with bus.consume(queue, prefetch=200) as consumer, asyncio.timeout(60):
        await consumer.started()
        for step in longest_first:
            await wait(step)
        for _ in longest_first:
            message = await anext(consumer)
            assert message.timestamp is not None
            waited = datetime.now(UTC) - message.timestamp
            ttl = timedelta(milliseconds=int(message.body))
            assert ttl - timedelta(milliseconds=5) <= waited <= ttl + LATE
            await message.ack()


async def test_what_waited_for_a_full_target_arrives_when_there_is_room(bus: Bus, queue: str, broker: Broker) -> None:
    # what a target refuses is offered again after this time; three minutes unless set
    again = "application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 500)."
    await asyncio.to_thread(broker.ctl, "eval", again)
    full, waiting = f"{queue}.full", f"{queue}.waiting"
    await bus.declare(
        Topology(
            (),
            (
                Queue(full, guarded("dead", full) | {"x-max-length": 2}),
                Queue(waiting, guarded(DEFAULT, full) | {"x-message-ttl": 50}),
            ),
        )
    )
    for number in range(10):
        await bus.publish(DEFAULT, waiting, b"%d" % number)
    await asyncio.sleep(0.5)  # all have expired, and most were refused by the target
    seen: set[bytes] = set()
    async with bus.consume(full, prefetch=1) as consumer, asyncio.timeout(60):
        while len(seen) < 10:
            message = await anext(consumer)
            seen.add(message.body)
            await message.ack()
    assert seen == {b"%d" % number for number in range(10)}
