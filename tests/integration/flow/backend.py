"""A backend on AMQP, with a client of its own: publishes commands, reads answers, feedback and dead letters."""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractQueue

from shared.bus.topology import DEAD_LETTERS, FEEDBACK, SENDS
from tests.integration.flow.scene import PATIENCE, Scene, until

Json = dict[str, Any]
DIRECT_REPLY = "amq.rabbitmq.reply-to"


class Backend:
    """One channel. Everything that arrives on a queue it reads is kept in `arrived`."""

    def __init__(self, channel: AbstractChannel) -> None:
        self.channel = channel
        self.answers: dict[str, Json] = {}
        self.came_with: dict[str, Json] = {}
        """The headers that each event of `feedback` came with, by its id."""

    async def publish(
        self, body: bytes, *, signature: str | None = None, reply: str | None = None, more: Json | None = None
    ) -> str:
        """Onto the exchange for commands; the correlation id. `more` are headers beside the signature."""
        headers = (more or {}) | ({} if signature is None else {"carillon-signature": signature})
        correlation = secrets.token_hex(4)
        message = aio_pika.Message(body, headers=dict(headers), correlation_id=correlation, reply_to=reply)
        exchange = await self.channel.get_exchange(SENDS, ensure=False)
        await exchange.publish(message, routing_key="backend")
        return correlation

    async def command(self, scene: Scene, *commands: Json, headers: Json | None = None) -> Json:
        """Signed and answered by direct reply-to; one command, or a bundle of several."""
        await self.listen_for_answers()
        full = [{"v": 1, "app": scene.app, **one} for one in commands]
        body = json.dumps(full[0] if len(full) == 1 else {"v": 1, "commands": full}).encode()
        correlation = await self.publish(body, signature=signed(scene, body), reply=DIRECT_REPLY, more=headers)
        await until(lambda: correlation in self.answers)
        return self.answers[correlation]

    async def listen_for_answers(self) -> None:
        if getattr(self, "_listening", False):
            return
        self._listening = True
        queue = await self.channel.get_queue(DIRECT_REPLY, ensure=False)

        async def keep(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            self.answers[str(message.correlation_id)] = json.loads(message.body)

        await queue.consume(keep, no_ack=True)

    async def feedback(self, app: str) -> list[Json]:
        """A queue of the app's own; the list grows as events arrive, each with its kind."""
        queue = await self.channel.declare_queue(f"ext.{app}.{secrets.token_hex(3)}", auto_delete=True)
        await queue.bind(FEEDBACK, f"{app}.#")
        events: list[Json] = []

        async def keep(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            bundle = json.loads(message.body)
            self.came_with |= {one["id"]: dict(message.headers) for one in bundle["events"]}
            events.extend({"kind": bundle["kind"], **one} for one in bundle["events"])

        await queue.consume(keep, no_ack=True)
        return events

    async def dead_letters(self) -> list[tuple[Json, bytes]]:
        """Headers and bodies of all that lie there now, taken away."""
        return [(headers, body) for headers, body in await self.drain(DEAD_LETTERS)]

    async def drain(self, queue: str, at_least: int = 0, within: float = PATIENCE) -> list[tuple[Json, bytes]]:
        """Takes messages out of a queue and acks them: they are lost to everyone else."""
        source: AbstractQueue = await self.channel.get_queue(queue, ensure=False)
        taken: list[tuple[Json, bytes]] = []
        end = asyncio.get_running_loop().time() + within
        while True:
            message = await source.get(fail=False)
            if message is not None:
                taken.append((dict(message.headers), message.body))
                await message.ack()
            elif len(taken) >= at_least:
                return taken
            elif asyncio.get_running_loop().time() > end:
                raise AssertionError(f"only {len(taken)} messages in {queue}")
            else:
                await asyncio.sleep(0.05)

    async def put(self, queue: str, body: bytes) -> None:
        """Straight into a queue, as a redelivery would."""
        await self.channel.default_exchange.publish(aio_pika.Message(body), routing_key=queue)


class OverAmqp:
    """The door of a scene's app over AMQP; see `doors.Door`."""

    def __init__(self, backend: Backend, scene: Scene) -> None:
        self._backend = backend
        self._scene = scene

    async def place(self, request: Json) -> Json:
        return await self._backend.command(self._scene, {"id": secrets.token_hex(10), **request})

    async def several(self, requests: Sequence[Json]) -> list[Json]:
        said = await self._backend.command(self._scene, *({"id": secrets.token_hex(10), **one} for one in requests))
        return list(said.get("answers", [said]))

    async def order(self, send: str, wish: str) -> str:
        said = await self._backend.command(self._scene, {"id": send, "do": wish})
        if said["state"] == "rejected":
            return {"/do": "too late", "/id": "unknown"}[said["errors"][0]["pointer"]]
        return str(said["state"])

    async def replace(self, send: str, request: Json) -> Json:
        return await self._backend.command(self._scene, {"id": send, "do": "replace", **request})

    async def estimate(self, audience: Json) -> Json:
        return await self._asked("estimate", {"audience": audience})

    async def preview(self, question: Json) -> Json:
        return await self._asked("preview", question)

    async def _asked(self, do: str, question: Json) -> Json:
        said = await self._backend.command(self._scene, {"id": secrets.token_hex(10), "do": do, **question})
        return said if said["state"] == "rejected" else dict(said[do])


def signed(scene: Scene, body: bytes) -> str:
    """As the README tells backends to."""
    return hmac.new(scene.app_secret.encode(), body, hashlib.sha256).hexdigest()


@asynccontextmanager
async def open_backend(url: str) -> AsyncIterator[Backend]:
    connection = await aio_pika.connect(url)
    async with connection:
        yield Backend(await connection.channel(publisher_confirms=True))
