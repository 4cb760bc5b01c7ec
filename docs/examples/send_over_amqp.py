"""A command over AMQP with Carillon's client, and the answer to it. The id is the key: sent twice, it is one send."""

import asyncio
import os
import uuid

from services.client import AsyncCommands, Audience, Message


async def main() -> None:
    async with AsyncCommands(os.environ["CARILLON_AMQP_URL"], os.environ["CARILLON_APP_SECRET"]) as carillon:
        answer = await carillon.send(
            Audience(users=(os.environ["RECIPIENT"],)),
            Message(title="Order shipped", body="It is on its way."),
            id_=f"order-{os.environ.get('ORDER', uuid.uuid4().hex)}",
        )
        print(answer.model_dump_json(exclude_defaults=True))


asyncio.run(main())
