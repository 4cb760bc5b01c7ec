"""Messages whose properties no client library can read: each is had like any other, and nobody is thrown out."""

import asyncio
import struct

import aio_pika
import pytest
from aiormq import spec
from structlog.testing import capture_logs

from shared.bus.connection import Bus
from shared.bus.incoming import SENT_AT, Incoming
from shared.bus.topology import DEAD_LETTERS
from shared.taking import Unreadable
from tests.integration.bus.test_ceiling import Service, until

pytestmark = pytest.mark.anyio
FLAGS = {"type": 0x0020, "timestamp": 0x0040, "headers": 0x2000}


class Raw(spec.Basic.Properties):
    """Properties that are written as these bytes."""

    def __init__(self, flag: str, data: bytes) -> None:
        super().__init__(message_id="x")
        self.raw = struct.pack(">H", FLAGS[flag]) + data

    def marshal(self) -> bytes:
        return self.raw


def table(*fields: bytes) -> bytes:
    whole = b"".join(fields)
    return struct.pack(">I", len(whole)) + whole


STRANGE = {
    "a time past all years": Raw("timestamp", b"\x7f" + b"\xff" * 7),
    "such a time in a header": Raw("headers", table(b"\x01tT\x00" + b"\xff" * 7)),
    "a time of ours past all years": Raw("headers", table(b"\x02atl\x7f" + b"\xff" * 7)),
    "a header's name that is no text": Raw("headers", table(b"\x01\xffS" + table(b"v"))),
    "a word that is no text": Raw("type", b"\x02\xff\xfe"),
    "headers as long as may be": Raw("headers", table(*(b"\x04%04dS" % n + table(b"v" * 900) for n in range(140)))),
}


async def publish(amqp_url: str, queue: str, *those: tuple[bytes, spec.Basic.Properties]) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await (await connection.channel()).get_underlay_channel()
        for body, properties in those:
            await channel.basic_publish(body, routing_key=queue, properties=properties)


async def test_every_one_is_had_and_the_connection_lasts(bus: Bus, queue: str, amqp_url: str) -> None:
    assert SENT_AT == "at"
    await publish(amqp_url, queue, *((name.encode(), raw) for name, raw in STRANGE.items()))
    await publish(amqp_url, queue, (b"plain", spec.Basic.Properties(headers={"signature": "ab"})))
    seen: dict[str, Incoming] = {}
    with capture_logs() as lines:
        async with bus.consume(queue, prefetch=3) as consumer, asyncio.timeout(60):
            while len(seen) <= len(STRANGE):
                message = await anext(consumer)
                assert message.timestamp is None
                assert not message.redelivered
                seen[message.body.decode()] = message
                await message.ack()
    assert seen.keys() == {*STRANGE, "plain"}
    assert seen["plain"].headers["signature"] == "ab"
    assert not lines


async def test_nobody_who_cannot_use_them_is_stopped_by_them(bus: Bus, queue: str, amqp_url: str) -> None:
    """Each is buried, so nothing of it may keep it from going out again."""
    key = Raw("headers", table(b"\x01kS" + table(b"v")))
    await publish(amqp_url, queue, *((name.encode(), raw) for name, raw in STRANGE.items()), (b"last", key))
    service = Service(bus, queue, Unreadable)
    buried: set[bytes] = set()
    async with service.running(), bus.consume(DEAD_LETTERS, prefetch=50) as dead, asyncio.timeout(60):
        while len(buried) <= len(STRANGE):
            letter = await anext(dead)
            buried |= {letter.body} if letter.headers.get("queue") == queue else set()
            await letter.ack()
        service.error = None
        await publish(amqp_url, queue, (b"good", spec.Basic.Properties()))
        await until(lambda: service.handled == {b"good"})
    assert buried == {*(name.encode() for name in STRANGE), b"last"}
