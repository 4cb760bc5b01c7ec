"""Messages that nobody can read, where only Carillon itself should publish: a deployment gone wrong, or worse."""

import asyncio
import secrets
from typing import Final

import aio_pika

from tests.chaos.scene import Scene

QUEUES: Final = ("results.bulk", "slices.apns.bulk")
COUNT: Final = 150
"""More than a process buries before it leaves a queue alone for a while."""


async def unreadable(on: Scene) -> None:
    """In mid-campaign, in two queues at once. What can be read behind them is reached all the same, also an order."""
    await on.drawn_moment()
    connection = await aio_pika.connect(on.fleet.site.amqp_url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        for _ in range(COUNT):
            for queue in QUEUES:
                message = aio_pika.Message(secrets.token_bytes(64), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, routing_key=queue)
    called_off = await on.backend.campaign()
    await asyncio.sleep(1)  # some of it is on its way by then
    await on.backend.change("POST", f"/v1/sends/{called_off}:cancel")
    await on.backend.finished(called_off)
    await on.campaign_again()
