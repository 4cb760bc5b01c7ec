"""The only file that knows aio-pika: a connection, a channel, a message, and its errors said in our words.

Plain connections, not aio-pika's robust ones: those declare queues again that an operator deleted, answer a passive
declaration from memory, and hand out messages of a channel that is gone. What reconnects is `link`.

Long, as one file a client library is the rule: nothing of aio-pika is to be known elsewhere.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, UnderlayConnection
from aio_pika.exceptions import (
    ChannelClosed,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    PublishError,
)

from shared.bus.errors import NotConfirmed, QueueMissing, TopologyRefused, Unroutable
from shared.bus.incoming import SENT_AT, Incoming, Settlement
from shared.bus.tolerance import be_tolerant
from shared.bus.topology import Argument

ANSWER: Final = 10.0
"""Seconds that the broker may take to open a connection or channel, or to answer anything but a publish."""

Headers = Mapping[str, str | int]
Arrived = Callable[[Incoming], Awaitable[None]]
Message = aio_pika.Message

_OURS: Final = (TypeError, ValueError, LookupError, AssertionError)
"""Mistakes of a caller, say a routing key that is too long. All else that aiormq raises is a loss: its own errors,
those of the operating system, `RuntimeError`, and a bare `Exception` for what waited on a closed channel."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages are ready in a queue, and how many consumers it has."""

    ready: int
    consumers: int


class Channel:
    """One open channel. It never comes back: who wants to go on opens another."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel
        self._ended = asyncio.Event()

    async def open(self) -> None:
        await self._channel.initialize()
        underlay = await self._channel.get_underlay_channel()
        underlay.closing.add_done_callback(lambda _: self._ended.set())
        underlay.on_consumer_cancel_callbacks.add(lambda _: self._ended.set())

    @property
    def closed(self) -> bool:
        return self._channel.is_closed

    async def ended(self) -> None:
        """Return when the channel is closed or the broker has cancelled its consumer."""
        await self._ended.wait()

    async def close(self) -> None:
        """Close it; what was delivered on it and not settled goes back to its queue."""
        await _close(self._channel.close)

    async def publish(self, exchange: str, key: str, message: Message, *, mandatory: bool) -> None:
        """Publish and wait for the confirmation, without a time limit; raises `Unroutable` or `NotConfirmed`."""
        try:
            with _own_cancellation_only():
                target = await self._channel.get_exchange(exchange, ensure=False)
                await target.publish(message, key, mandatory=mandatory)
        except PublishError:
            raise Unroutable(exchange, key) from None
        except DeliveryError:
            raise NotConfirmed("nack", f"key {key!r} on exchange {exchange!r} is refused", sent=True) from None
        except ChannelNotFoundEntity as error:
            if f"'{exchange}'" in str(error):
                raise Unroutable(exchange, key) from None
            raise NotConfirmed("connection", str(error), sent=True) from None
        except (NotConfirmed, *_OURS):
            raise
        except Exception as error:  # noqa: BLE001  # see _OURS
            raise NotConfirmed("connection", _text(error), sent=True) from None

    async def consume(self, queue: str, prefetch: int, arrived: Arrived) -> str:
        """Have messages delivered to `arrived`, which must not work on them: its task dies with the channel."""

        async def deliver(message: AbstractIncomingMessage) -> None:
            await arrived(_incoming(message))

        if not self.closed:
            self._ended.clear()
        async with _asked(queue):
            await self._channel.set_qos(prefetch_count=prefetch)
            return await (await self._channel.get_queue(queue, ensure=False)).consume(deliver)

    async def cancel(self, tag: str) -> None:
        """Have nothing more delivered; what is in hand can still be settled."""
        async with _asked(tag):
            await (await self._channel.get_underlay_channel()).basic_cancel(tag)

    async def declare_exchange(self, name: str, kind: str) -> None:
        """Raises `TopologyRefused`."""
        async with _asked(name):
            await self._channel.declare_exchange(name, kind, durable=True)

    async def declare_queue(self, name: str, arguments: Mapping[str, Argument], *, exclusive: bool = False) -> None:
        """A durable queue, or one that goes with this connection. Raises `TopologyRefused`."""
        async with _asked(name):
            await self._channel.declare_queue(
                name, durable=not exclusive, exclusive=exclusive, auto_delete=exclusive, arguments=dict(arguments)
            )

    async def bind(self, queue: str, exchange: str, key: str) -> None:
        async with _asked(f"{exchange} to {queue}"):
            await (await self._channel.get_underlay_channel()).queue_bind(queue, exchange, key)

    async def exchange_exists(self, name: str) -> None:
        """Raises `QueueMissing`."""
        async with _asked(name):
            await self._channel.declare_exchange(name, passive=True)

    async def depth(self, queue: str) -> Depth:
        """Asks the broker. Raises `QueueMissing`."""
        async with _asked(queue):
            found = (await self._channel.declare_queue(queue, passive=True)).declaration_result
            return Depth(found.message_count or 0, found.consumer_count or 0)


class Connection:
    """One open connection. It never comes back either."""

    def __init__(self, connection: AbstractConnection, transport: UnderlayConnection) -> None:
        self._connection = connection
        self._transport = transport.connection

    @property
    def up(self) -> bool:
        return not self._transport.is_closed

    @property
    def blocked(self) -> bool:
        """Whether the broker said that it reads no publishes here (a memory or disk alarm).

        aiormq tells it only by not returning from `ready`, so one step of that is taken.
        """
        waiting = self.unblocked()
        try:
            waiting.send(None)
        except StopIteration:
            return False
        waiting.close()
        return True

    async def unblocked(self) -> None:
        """Return when the broker reads publishes again; never, if the connection is lost first."""
        await self._transport.ready()

    async def lost(self) -> None:
        """Return when the connection is gone."""
        await asyncio.wait([self._transport.closing])

    async def channel(self) -> Channel:
        async with _asked("channel"):
            channel = Channel(self._connection.channel(on_return_raises=True))
            await channel.open()
            return channel

    async def close(self) -> None:
        await _close(self._connection.close)


async def connect(url: str, *, name: str, heartbeat: int) -> Connection:
    """Open a connection that the broker lists under `name`; raises `NotConfirmed("connection")`."""
    be_tolerant()
    address = aio_pika.connection.make_url(url)
    if "heartbeat" not in address.query:  # an operator may know better
        address = address.update_query(heartbeat=heartbeat)
    async with _asked("connect"):
        connection = await aio_pika.connect(address, client_properties={"connection_name": name})
        if connection.transport is None:
            raise ConnectionError("lost at once")
        return Connection(connection, connection.transport)


def outgoing(
    body: bytes,
    *,
    message_id: str | None = None,
    headers: Headers | None = None,
    persistent: bool = True,
    correlation_id: str | None = None,
    content_type: str = "application/json",
) -> Message:
    """A message to publish, stamped with the time. aiormq finds by its id which publish was returned."""
    return Message(
        body,
        message_id=message_id or secrets.token_hex(12),
        headers={**(headers or {}), SENT_AT: time.time_ns() // 1_000_000},
        correlation_id=correlation_id,
        content_type=content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT if persistent else aio_pika.DeliveryMode.NOT_PERSISTENT,
    )


def _incoming(message: AbstractIncomingMessage) -> Incoming:
    channel = message.channel

    async def settle(how: Settlement) -> bool:
        answers = {Settlement.ACK: message.ack, Settlement.REJECT: message.reject, Settlement.REQUEUE: message.nack}
        try:
            with _own_cancellation_only():
                await answers[how]()
        except Exception:  # noqa: BLE001  # whatever it is, the channel is gone and the message comes back
            return False
        return True

    return Incoming(
        body=message.body,
        exchange=message.exchange or "",
        routing_key=message.routing_key or "",
        headers=message.headers,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        user_id=message.user_id,
        content_type=message.content_type,
        redelivered=bool(message.redelivered),
        published=message.timestamp,
        _settle=settle,
        _gone=lambda: channel.is_closed,
    )


async def _close(close: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(Exception), _own_cancellation_only():
        async with asyncio.timeout(ANSWER):
            await close()


@contextlib.asynccontextmanager
async def _asked(what: str) -> AsyncIterator[None]:
    """Everything but a publish: within the time limit, and its errors in our words."""
    try:
        with _own_cancellation_only():
            async with asyncio.timeout(ANSWER):
                yield
    except ChannelNotFoundEntity as error:
        raise QueueMissing(f"{what}: {_text(error)}") from None
    except ChannelPreconditionFailed as error:
        raise TopologyRefused(f"{what}: {_text(error)}") from None
    except ChannelClosed as error:
        if "ACCESS_REFUSED" in str(error):
            raise TopologyRefused(f"{what}: {_text(error)}") from None
        raise NotConfirmed("connection", f"{what}: {_text(error)}", sent=False) from None
    except (NotConfirmed, *_OURS):
        raise
    except Exception as error:  # noqa: BLE001  # see _OURS
        raise NotConfirmed("connection", f"{what}: {_text(error)}", sent=False) from None


@contextlib.contextmanager
def _own_cancellation_only() -> Iterator[None]:
    """What waits on a closed channel, aiormq ends with `CancelledError`, though nobody cancelled us."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise NotConfirmed("connection", "the channel was closed", sent=True) from None


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
