"""Commands to a broker behind which nobody answers: each caller learns what is known, and may say it again."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from services.cli.local.servers import Broker
from services.client import AsyncCommands, Audience, Commands, Message, NoAnswer, SendRequest, Unreachable
from shared.bus.connection import open_bus
from shared.bus.topology import COMMANDS, topology
from tests.integration.flow.scene import until

pytestmark = pytest.mark.anyio
ADA, DING = Audience(users=("ada",)), Message(title="Ding")
SECRET = "as_a7k2m4_secret"
SOON = timedelta(seconds=5)
"""Enough to connect on a machine that stalls."""
LONG = timedelta(minutes=2)
ORDERED = "may have been carried out, or may still be"


@pytest.fixture
async def said(amqp_url: str) -> AsyncIterator[Any]:
    """Takes what was said since, as the planner would; nobody answers."""
    async with open_bus(amqp_url, name="test") as bus:
        await bus.declare(topology([], 60))

    async def taken() -> list[AbstractIncomingMessage]:
        found = []
        async with await aio_pika.connect(amqp_url) as connection:
            queue = await (await connection.channel()).get_queue(COMMANDS, ensure=False)
            while (message := await queue.get(no_ack=True, fail=False)) is not None:
                found.append(message)
        return found

    yield taken
    await taken()


async def test_an_answer_that_does_not_come_in_time_is_an_error_that_says_what_may_come_of_it(
    amqp_url: str, said: Any
) -> None:
    many = [(f"o-{n:06}", SendRequest(audience=ADA, message=DING)) for n in range(1000)]
    async with AsyncCommands(amqp_url, SECRET, timeout=SOON) as carillon:
        asked = (
            carillon.send(ADA, DING, id_="order-4711"), carillon.pause("order-4711"), carillon.estimate(ADA),
            carillon.send_many(many),
        )  # fmt: skip
        errors = await asyncio.gather(*asked, return_exceptions=True)
    sent, paused, estimated, several = [one for one in errors if isinstance(one, NoAnswer)]
    assert sent.ids == ("order-4711",)
    assert str(sent) == (
        "no answer to the send order-4711: none came within 5 s; it may have been taken, or may still be; "
        "said again with the same id it is one send"
    )
    assert paused.key is not None
    assert str(paused) == (
        f"no answer to the order to pause the send order-4711: none came within 5 s; it {ORDERED}; "
        f"ordered again with the key {paused.key} it is carried out once"
    )
    assert "ask again" in str(estimated)
    assert "o-000000, o-000001, o-000002 and 997 more" in str(several)
    told = [json.loads(one.body) for one in await said()]
    assert {one.get("do", "send") for one in told} == {"send", "pause", "estimate"}
    assert sorted(len(one.get("commands", "1")) for one in told) == [1, 1, 1, 1000]


async def test_a_connection_that_is_lost_meanwhile_is_heard_of_at_once_and_the_next_word_goes_out(
    amqp_url: str, broker: Broker, vhost: str, said: Any
) -> None:
    async with AsyncCommands(amqp_url, SECRET, timeout=LONG) as carillon:
        waits = [
            asyncio.create_task(carillon.cancel("order-4711")),
            asyncio.create_task(carillon.resume("order-4711", key="resume-1")),
        ]
        heard: list[Any] = []

        async def all_said() -> bool:
            heard.extend(await said())
            return len(heard) == 2

        await until(all_said)
        async with asyncio.timeout(60):  # far less than the patience of the client
            await asyncio.to_thread(broker.ctl, "close_all_connections", "--vhost", vhost, "test")
            errors = await asyncio.gather(*waits, return_exceptions=True)
        assert [type(one) for one in errors] == [NoAnswer, NoAnswer]
        assert all(ORDERED in str(one) for one in errors)
        assert [one.key for one in errors if isinstance(one, NoAnswer)] == [None, "resume-1"]
        again = asyncio.create_task(carillon.resume("order-4711", key="resume-1"))
        heard.clear()

        async def said_again() -> bool:
            heard.extend(await said())
            return bool(heard)

        await until(said_again)
        assert json.loads(heard[0].body)["key"] == "resume-1"
        answer = json.dumps({"id": "order-4711", "state": "resumed", "newer": True}).encode()
        async with await aio_pika.connect(amqp_url) as connection:
            reply = aio_pika.Message(answer, correlation_id=heard[0].correlation_id)
            channel = await connection.channel()
            await channel.default_exchange.publish(reply, routing_key=heard[0].reply_to)
            assert (await again).state == "resumed"


async def test_without_await_a_thread_that_waits_when_the_client_is_closed_hears_of_it(
    amqp_url: str, said: Any
) -> None:
    carillon = Commands(amqp_url, SECRET, timeout=LONG)
    with pytest.raises(RuntimeError, match="with"):
        carillon.cancel("order-4711")
    await asyncio.to_thread(carillon.__enter__)
    waits = asyncio.create_task(asyncio.to_thread(carillon.cancel, "order-4711"))
    heard: list[Any] = []

    async def is_said() -> bool:
        heard.extend(await said())
        return bool(heard)

    await until(is_said)
    await asyncio.to_thread(carillon.__exit__, None, None, None)
    with pytest.raises(NoAnswer, match=ORDERED):
        await waits


async def test_a_broker_that_does_not_take_a_message_or_is_not_there_leaves_nothing_said(
    amqp_url: str, broker: Broker
) -> None:
    empty = f"{amqp_url}-empty"
    name = empty.rpartition("/")[2]
    broker.ctl("add_vhost", name)
    broker.ctl("set_permissions", "--vhost", name, "carillon", ".*", ".*", ".*")
    try:
        async with AsyncCommands(empty, SECRET, timeout=LONG) as carillon:
            connection = await aio_pika.connect(empty)
            async with connection:
                await (await connection.channel()).declare_exchange("sends", "topic", durable=True)
            with pytest.raises(Unreachable, match="did not take") as error:
                await carillon.pause("order-4711", key="pause-1")
            assert error.value.key == "pause-1"
    finally:
        broker.ctl("delete_vhost", name)
    with pytest.raises(Unreachable, match="cannot be had"):
        await AsyncCommands("amqp://127.0.0.1:9/", SECRET).cancel("order-4711")


async def test_an_apps_own_user_at_the_broker_is_named_in_the_message(
    amqp_url: str, broker: Broker, vhost: str, said: Any
) -> None:
    """As the operator may trust it in the place of a signature."""
    broker.ctl("add_user", "backend-a7k2m4", "pass")
    try:
        rights = ("^ext\\.a7k2m4\\.", "^(sends|ext\\.a7k2m4\\..*)$", "^(feedback|ext\\.a7k2m4\\..*)$")
        broker.ctl("set_permissions", "--vhost", vhost, "backend-a7k2m4", *rights)
        host = amqp_url.rpartition("@")[2]
        heard: list[Any] = []

        async def is_said() -> bool:
            heard.extend(await said())
            return bool(heard)

        async with AsyncCommands(f"amqp://backend-a7k2m4:pass@{host}", SECRET, timeout=LONG) as carillon:
            waits = asyncio.create_task(carillon.cancel("order-4711"))
            await until(is_said)
        assert heard[0].user_id == "backend-a7k2m4"
        with pytest.raises(NoAnswer):
            await waits
    finally:
        broker.ctl("delete_user", "backend-a7k2m4")
