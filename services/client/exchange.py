"""The connection over AMQP: a message is published with confirms, its answer awaited by direct reply-to.

A connection that broke is opened anew by the next message. The answers to what was said over it will never come, so who
waits for one hears of it at once.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, DeliveryError

from services.client import commands
from services.client.commands import Said
from services.client.errors import CarillonError, NoAnswer, Unreachable
from shared.bus.topology import SENDS
from shared.flow.answer import CommandAnswer

DIRECT: Final = "amq.rabbitmq.reply-to"
BACKEND: Final = "backend-"
"""An app's own user at the broker is named so, where the operator trusts users in the place of signatures."""
AWAY: Final = (AMQPError, OSError, RuntimeError)
"""What aio-pika raises when the broker cannot be had, or refuses; `RuntimeError` of a channel that was just closed."""
Answered = asyncio.Future[list[CommandAnswer] | None]
"""None: the connection was lost."""


@dataclass(slots=True, eq=False)
class Link:
    """One connection, and who waits for an answer over it."""

    connection: AbstractConnection
    exchange: AbstractExchange
    awaited: dict[str, Answered] = field(default_factory=dict)
    lost: bool = False

    async def heard(self, message: AbstractIncomingMessage) -> None:
        """An answer came; one that nobody waits for any more is passed over."""
        waiting = self.awaited.get(message.correlation_id or "")
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result(commands.answers_in(message.body))
        except (ValueError, TypeError, AttributeError):  # pydantic's are among them
            waiting.set_exception(CarillonError("the answer is not Carillon's"))

    def broke(self, *_: object) -> None:
        """No answer comes any more."""
        self.lost = True
        for waiting in self.awaited.values():
            if not waiting.done():
                waiting.set_result(None)


class Exchange:
    """One backend's; any number of tasks may share it. Opened by the first message if not before, closed by `close`."""

    def __init__(self, url: str, secret: str, timeout: timedelta) -> None:
        self._url = url
        self._secret = secret
        self._app = commands.app_of(secret)
        self._seconds = timeout.total_seconds()
        user = unquote(urlsplit(url).username or "")
        self._user = user if user == f"{BACKEND}{self._app}" else None
        self._opening = asyncio.Lock()
        self._link: Link | None = None

    async def ask(self, said: Said) -> list[CommandAnswer]:
        """The answers, one for each command. Raises `Refused`, `Unreachable` (nothing was said) and `NoAnswer`."""
        message, correlation = self._message(said), commands.new_id()
        link: Link | None = None
        try:
            async with asyncio.timeout(self._seconds):
                link = await self._linked()
                found = await self._asked(link, message, correlation)
        except DeliveryError as error:
            raise Unreachable("the broker did not take the message", said.key) from error
        except TimeoutError as error:
            raise self._unheard(said, link, f"none came within {self._seconds:g} s") from error
        except AWAY as error:
            raise self._unheard(said, link, str(error) or type(error).__name__) from error
        if found is None:
            raise self._unheard(said, link, "the connection was lost")
        return found

    async def open(self) -> None:
        """Connects. Raises `Unreachable`."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._linked()
        except AWAY as error:  # a TimeoutError is an OSError
            raise Unreachable(f"the broker cannot be had: {str(error) or type(error).__name__}") from error

    async def close(self) -> None:
        """Disconnects; who waits for an answer still hears that none comes."""
        link, self._link = self._link, None
        if link is not None:
            link.broke()
            await link.connection.close()

    async def _asked(self, link: Link, message: aio_pika.Message, correlation: str) -> list[CommandAnswer] | None:
        answered: Answered = asyncio.get_running_loop().create_future()
        message.correlation_id = correlation
        link.awaited[correlation] = answered
        try:
            await link.exchange.publish(message, routing_key=self._app, mandatory=True)
            return await answered
        finally:
            del link.awaited[correlation]

    def _message(self, said: Said) -> aio_pika.Message:
        body = said.packed(self._app)
        return aio_pika.Message(
            body,
            headers={commands.SIGNATURE: commands.signed(body, self._secret)},
            content_type="application/json",
            reply_to=DIRECT,
            user_id=self._user,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )

    def _unheard(self, said: Said, link: Link | None, why: str) -> NoAnswer | Unreachable:
        """What is known: without a connection, nothing was said."""
        if link is None:
            return Unreachable(f"the broker cannot be had: {why}", said.key)
        return NoAnswer(said.ids, said.what, then=f"{why}; {said.then}", key=said.key)

    async def _linked(self) -> Link:
        """A connection that is open."""
        async with self._opening:
            if self._link is None or self._link.lost or self._link.connection.is_closed:
                await self.close()
                self._link = await self._opened()
            return self._link

    async def _opened(self) -> Link:
        connection = await aio_pika.connect(self._url)
        try:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            link = Link(connection, await channel.get_exchange(SENDS, ensure=False))
            channel.close_callbacks.add(link.broke)
            answers = await channel.get_queue(DIRECT, ensure=False)
            await answers.consume(link.heard, no_ack=True)
        except BaseException:
            await connection.close()
            raise
        return link
