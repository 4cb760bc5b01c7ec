"""Backends that publish the same command several times over, on several connections at once."""

import asyncio
import hashlib
import hmac
import json
import secrets
from typing import Any, Final

import aio_pika

from tests.chaos.scene import Scene

TIMES: Final = 3
CAMPAIGN: Final = 150
"""Each so-manieth command is to everyone: more campaigns than two take the simulators longer than anybody waits."""
SIGNATURE: Final = "carillon-signature"


async def same_send(on: Scene) -> None:
    """Single commands and campaigns over AMQP, each published three times at once: each is one send."""
    url = on.fleet.site.amqp_url
    connections = [await aio_pika.connect(url) for _ in range(TIMES)]
    try:
        exchanges = []
        for connection in connections:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            exchanges.append(await channel.get_exchange("sends", ensure=False))
        for number in range(on.times(300, 50)):
            user = on.chance.choice(on.devices).user
            await _publish(on, exchanges, {"users": [user]} if number % CAMPAIGN else {"everyone": True})
    finally:
        for connection in connections:
            await connection.close()


async def _publish(on: Scene, exchanges: list[aio_pika.abc.AbstractExchange], audience: dict[str, Any]) -> None:
    mark, id_ = on.backend.mark("command"), secrets.token_hex(12)
    command = {"v": 1, "app": on.tenant.app, "id": id_, **on.backend.body(mark, audience)}
    body = json.dumps(command).encode()
    signature = hmac.new(on.tenant.secret.encode(), body, hashlib.sha256).hexdigest()
    on.backend.journal.write(event="intended", mark=mark, audience=audience)

    async def once(exchange: aio_pika.abc.AbstractExchange) -> None:
        message = aio_pika.Message(body, headers={SIGNATURE: signature}, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await exchange.publish(message, routing_key=on.tenant.app)

    await asyncio.gather(*map(once, exchanges))
    on.backend.journal.write(event="promised", mark=mark, id=id_)
