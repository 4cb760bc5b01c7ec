"""Attempts are counted by ourselves: whatever a broker, of whatever version, says in its headers changes nothing.

RabbitMQ 3.10 counts deliveries and deaths otherwise than 4.0 and 4.3 do: what comes back by a nack or a lost connection
counts or does not, and newer ones take no list of deaths from clients. So every message that waits for its next attempt
is taken out here, and put into its queue with other headers.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import aio_pika
import pytest

from shared.bus.delay import ladder, wait_queue
from shared.bus.topology import slices_queue
from shared.flow.lane import Lane
from tests.integration.flow.backend import Backend
from tests.integration.flow.scene import Scene, fates

pytestmark = pytest.mark.anyio
SCALE = 60
SLOW_ENOUGH = timedelta(milliseconds=400)
"""What waits at least so long is caught on its way."""
QUEUE = slices_queue("fcm", Lane.NOW)
DEATH = {"count": 90, "reason": "delivery_limit", "queue": QUEUE, "exchange": "", "routing-keys": [QUEUE]}
MANY: dict[str, Any] = {
    "x-delivery-count": 99,  # 3.8 and later: a header of quorum queues
    "x-acquired-count": 99,  # 4.x: how often it was handed out, whatever became of that
    "x-death": [DEATH | {"time": datetime(2029, 1, 1, tzinfo=UTC)}],
    "x-first-death-queue": QUEUE, "x-first-death-reason": "delivery_limit", "x-first-death-exchange": "",
    "x-last-death-queue": QUEUE, "x-last-death-reason": "delivery_limit", "x-last-death-exchange": "",
    "attempt": 31, "attempts": 31, "x-retry": 31,
}  # fmt: skip


@contextlib.asynccontextmanager
async def another_broker(backend: Backend, headers: dict[str, Any]) -> AsyncIterator[list[str]]:
    """Messages that wait are brought by us, with these headers and no others; the queues that they waited in."""
    waits = [wait_queue(QUEUE, step) for step in ladder(SCALE) if step.ttl >= SLOW_ENOUGH]
    brought: list[str] = []

    async def bring(wait: str, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        await asyncio.sleep(int(wait.rpartition(".")[2]) / 1000)
        again = aio_pika.Message(message.body, headers=headers, delivery_mode=2)
        await backend.channel.default_exchange.publish(again, routing_key=QUEUE)
        await message.ack()
        brought.append(wait)

    tags = {}
    for wait in waits:
        queue = await backend.channel.get_queue(wait, ensure=False)
        tags[await queue.consume(partial(bring, wait))] = queue
    yield brought
    for tag, queue in tags.items():
        await queue.cancel(tag)


@pytest.mark.parametrize("headers", [MANY, {}], ids=["many", "none"])
async def test_a_notification_has_its_attempts_whatever_the_broker_has_counted(
    scene: Scene, backend: Backend, headers: dict[str, Any]
) -> None:
    (waits,) = await scene.devices("fcm")
    (lost,) = await scene.devices("apns")
    busy = {"status": 503, "reason": "UNAVAILABLE", "retry_after": "40", "times": 3}
    await scene.providers.script("fcm", waits.token, busy)
    # Its stream ends, never its connection: with that would go what waits for it, which counts as unprocessed.
    await scene.providers.script("apns", lost.token, {"drop": "reset", "times": 9})
    async with another_broker(backend, headers) as brought:
        send = await scene.send({"devices": [waits.id, lost.id]}, ttl=3600)
        report = await scene.finished(send)
    assert fates(report) == {"planned": 2, "delivered": 1, "failed": 1}, report
    assert report["total"]["reasons"]["failed"] == {"unknown_outcome": 1}
    stories = [(await scene.call("GET", f"/v1/sends/{send}/devices/{dev.id}")).json() for dev in (waits, lost)]
    assert [len(one["attempts"]) for one in stories] == [4, 5]
    assert len(scene.asked([waits])) == 4
    assert len(scene.asked([lost])) == 5
    assert len(brought) >= 3
