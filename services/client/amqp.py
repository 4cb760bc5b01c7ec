"""Commands over AMQP, with `await` and without: published with confirms, answered by direct reply-to.

`AsyncCommands` may be shared by any number of tasks, `Commands`, the same by a loop of its own, by threads. Both live
as long as their `with` block. A connection that broke is opened anew by the next command.
"""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage

from services.client import asks, commands
from services.client.errors import NoAnswer, Unreachable
from shared.bus.topology import SENDS
from shared.flow.answer import CommandAnswer
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.send import SendRequest

DIRECT: Final = "amq.rabbitmq.reply-to"
PATIENCE: Final = timedelta(seconds=30)
AWAY: Final = (aio_pika.exceptions.AMQPError, OSError, RuntimeError)
"""What aio-pika raises when the broker cannot be had, or refuses; `RuntimeError` of a channel that was just closed."""

T = TypeVar("T")


class AsyncCommands:
    """An app's backend, by its secret."""

    def __init__(self, url: str, secret: str, *, timeout: timedelta = PATIENCE) -> None:
        self._url = url
        self._secret = secret
        self._app = commands.app_of(secret)
        self._timeout = timeout.total_seconds()
        self._opening = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None
        self._awaited: dict[str, asyncio.Future[list[CommandAnswer]]] = {}

    async def send(
        self, audience: Audience, message: Message | None = None, *, id_: str | None = None, **rest: Any
    ) -> CommandAnswer:
        """What became of one command; `rest` are the other fields of `SendRequest`. Raises as `send_many`."""
        request = asks.request_of(audience, message, rest)
        (answer,) = await self.send_many([(id_ or commands.new_id(), request)])
        return answer

    async def send_many(self, sends: Sequence[tuple[str, SendRequest]]) -> list[CommandAnswer]:
        """Up to 1,000 commands, each with its id, in one message; their answers in the same order.

        Raises `NoAnswer` or `Unreachable`: nobody knows whether they were taken. Sent again with the same ids, each
        is one send.
        """
        body, correlation = commands.packed(self._app, sends), commands.new_id()
        answered = self._awaited[correlation] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._timeout):
                await self._publish(body, correlation)
                found: list[CommandAnswer] = await answered
        except TimeoutError:
            raise NoAnswer([id_ for id_, _ in sends]) from None
        except AWAY as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        finally:
            del self._awaited[correlation]
        return found

    async def _publish(self, body: bytes, correlation: str) -> None:
        message = aio_pika.Message(
            body,
            headers={commands.SIGNATURE: commands.signed(body, self._secret)},
            content_type="application/json",
            correlation_id=correlation,
            reply_to=DIRECT,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        exchange = await self._connected()
        await exchange.publish(message, routing_key=self._app, mandatory=True)

    async def _connected(self) -> AbstractExchange:
        """The exchange, on a connection that is open."""
        async with self._opening:
            if self._exchange is None or self._channel is None or self._channel.is_closed:
                await self._close()
                self._connection = await aio_pika.connect(self._url)
                channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
                self._channel = channel
                answers = await channel.get_queue(DIRECT, ensure=False)
                await answers.consume(self._heard, no_ack=True)
                self._exchange = await channel.get_exchange(SENDS, ensure=False)
            return self._exchange

    async def _heard(self, message: AbstractIncomingMessage) -> None:
        """An answer came; one that nobody waits for any more is passed over."""
        waiting = self._awaited.get(message.correlation_id or "")
        if waiting is not None and not waiting.done():
            waiting.set_result(commands.answers_in(message.body))

    async def _close(self) -> None:
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            await connection.close()

    async def __aenter__(self) -> Self:
        """Connects. Raises `Unreachable`."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._connected()
        except (*AWAY, TimeoutError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnects."""
        await self._close()


class Commands:
    """The same without `await`."""

    def __init__(self, url: str, secret: str, *, timeout: timedelta = PATIENCE) -> None:
        self._loop = asyncio.new_event_loop()
        self._commands = AsyncCommands(url, secret, timeout=timeout)
        self._thread = threading.Thread(target=self._loop.run_forever, name="carillon-commands", daemon=True)

    def send(
        self, audience: Audience, message: Message | None = None, *, id_: str | None = None, **rest: Any
    ) -> CommandAnswer:
        """As `AsyncCommands.send`."""
        return self._do(self._commands.send(audience, message, id_=id_, **rest))

    def send_many(self, sends: Sequence[tuple[str, SendRequest]]) -> list[CommandAnswer]:
        """As `AsyncCommands.send_many`."""
        return self._do(self._commands.send_many(sends))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        """Connects. Raises `Unreachable`."""
        self._thread.start()
        try:
            self._do(self._commands.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnects."""
        try:
            self._do(self._commands.__aexit__(None, None, None))
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
