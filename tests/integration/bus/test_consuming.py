"""Consuming: every delivery settled once, nothing handed out that is not ours any more."""

import asyncio

import pytest

from services.cli.local.servers import Broker
from shared.bus.amqp import Channel
from shared.bus.connection import Bus
from shared.bus.consumer import Consumer
from shared.bus.incoming import Incoming
from shared.bus.topology import DEAD_LETTERS, DEFAULT, RESULTS, topology
from tests.integration.bus.conftest import SCALE

pytestmark = pytest.mark.anyio


async def fill(bus: Bus, queue: str, count: int) -> None:
    await asyncio.gather(*(bus.publish(DEFAULT, queue, b"%d" % number) for number in range(count)))


async def take(consumer: Consumer, count: int) -> list[Incoming]:
    async with asyncio.timeout(60):
        return [await anext(consumer) for _ in range(count)]


async def ready(bus: Bus, queue: str, count: int) -> None:
    """Return when so many are ready; a requeue is not confirmed, so it takes a moment to be seen."""
    async with asyncio.timeout(60):
        while (await bus.depth(queue)).ready != count:  # noqa: ASYNC110  # the broker has no event for it
            await asyncio.sleep(0.02)


async def test_prefetch_bounds_what_a_consumer_holds(bus: Bus, queue: str) -> None:
    await fill(bus, queue, 20)
    async with bus.consume(queue, prefetch=5) as consumer:
        await consumer.started()
        await ready(bus, queue, 15)
        await asyncio.sleep(0.1)
        await ready(bus, queue, 15)


async def test_after_stopping_what_is_in_hand_can_be_acked_and_the_rest_is_back(bus: Bus, queue: str) -> None:
    await fill(bus, queue, 20)
    async with bus.consume(queue, prefetch=10) as consumer:
        in_hand = await take(consumer, 3)
        await consumer.stop()
        await ready(bus, queue, 17)
        assert [await message.ack() for message in in_hand] == [True, True, True]
        assert [message async for message in consumer] == []
    await ready(bus, queue, 17)


async def test_leaving_gives_back_what_is_not_settled(bus: Bus, queue: str) -> None:
    await fill(bus, queue, 5)
    async with bus.consume(queue, prefetch=5) as consumer:
        in_hand = await take(consumer, 2)
    await ready(bus, queue, 5)
    assert await in_hand[0].ack() is False
    assert in_hand[0].stale


async def test_stopping_ends_the_iteration_of_every_task_that_shares_the_consumer(bus: Bus, queue: str) -> None:
    async def drain(consumer: Consumer) -> int:
        return len([await message.ack() async for message in consumer])

    await fill(bus, queue, 30)
    async with bus.consume(queue, prefetch=10) as consumer, asyncio.timeout(60):
        drains = [asyncio.ensure_future(drain(consumer)) for _ in range(3)]
        await ready(bus, queue, 0)
        await consumer.stop()
        assert sum(await asyncio.gather(*drains)) == 30


async def test_a_rejected_message_is_found_among_the_dead_letters(bus: Bus, queue: str) -> None:
    await bus.publish(DEFAULT, queue, b"poison-1", message_id="poison-1")
    async with bus.consume(queue, prefetch=1) as consumer, bus.consume(DEAD_LETTERS, prefetch=50) as dead:
        (message,) = await take(consumer, 1)
        assert await message.reject()
        assert await message.ack() is False  # settled already
        async for letter in dead:
            await letter.ack()
            if letter.message_id == "poison-1":
                break
        assert letter.routing_key == queue


async def test_a_buried_message_carries_the_reason(bus: Bus, queue: str) -> None:
    await bus.publish(DEFAULT, queue, b"poison-2", headers={"attempt": 7})
    async with bus.consume(queue, prefetch=1) as consumer, bus.consume(DEAD_LETTERS, prefetch=50) as dead:
        (message,) = await take(consumer, 1)
        await bus.bury(message, queue, "unreadable")
        async for letter in dead:
            await letter.ack()
            if letter.body == b"poison-2":
                break
        assert {name: letter.headers[name] for name in ("reason", "queue", "attempt")} == {
            "reason": "unreadable",
            "queue": queue,
            "attempt": 7,
        }
    await ready(bus, queue, 0)


async def test_a_requeued_message_comes_again_and_says_so(bus: Bus, queue: str) -> None:
    await bus.publish(DEFAULT, queue, b"")
    async with bus.consume(queue, prefetch=1) as consumer:
        (first,) = await take(consumer, 1)
        await first.requeue()
        (second,) = await take(consumer, 1)
        assert second.redelivered


async def test_a_queue_that_is_deleted_under_a_consumer_and_made_again_is_consumed_again(
    bus: Bus, queue: str, broker: Broker, vhost: str
) -> None:
    async with bus.consume(queue, prefetch=1) as consumer:
        await consumer.started()
        await asyncio.to_thread(broker.ctl, "delete_queue", "--vhost", vhost, queue)
        await asyncio.sleep(0.3)  # RabbitMQ 3.10 fails a declaration while the deletion is still going on
        await bus.declare(topology([queue.split(".")[1]], SCALE))
        await bus.publish(DEFAULT, queue, b"again")
        (message,) = await take(consumer, 1)
        assert await message.ack()


async def test_a_consumer_that_the_broker_has_forgotten_is_found_out(bus: Bus, queue: str) -> None:
    async def source(_: Channel) -> str:
        return queue

    forgotten = Consumer(bus._in, source, prefetch=5, watch=0.2)
    async with bus._running(forgotten) as consumer:
        await consumer.started()
        assert consumer._channel is not None
        assert consumer._tag is not None
        await consumer._channel.cancel(consumer._tag)  # only the broker knows now that nothing will come
        await fill(bus, queue, 5)
        assert len(await take(consumer, 5)) == 5


async def test_an_idle_consumer_and_one_with_its_hands_full_are_left_alone(bus: Bus, queue: str) -> None:
    async def source(_: Channel) -> str:
        return queue

    async with bus._running(Consumer(bus._in, source, prefetch=1, watch=0.1)) as consumer:
        await consumer.started()
        channel = consumer._channel
        await asyncio.sleep(0.5)
        await fill(bus, queue, 3)
        (in_hand,) = await take(consumer, 1)
        await asyncio.sleep(0.5)
        assert consumer._channel is channel
        assert await in_hand.ack()


async def test_a_consumer_waits_for_a_queue_that_does_not_exist_yet(bus: Bus) -> None:
    async with bus.consume("slices.platelate.now", prefetch=1) as consumer:
        await asyncio.sleep(0.3)
        await bus.declare(topology(["platelate"], SCALE))
        await bus.publish(DEFAULT, "slices.platelate.now", b"")
        await take(consumer, 1)


async def test_a_listener_hears_what_passes_from_now_on_and_only_its_keys(bus: Bus, queue: str) -> None:
    await bus.publish(RESULTS, "now.a1", b"before")
    async with bus.listen(RESULTS, ["now.a1", "bulk.#"]) as heard, bus.listen(RESULTS, ["#"]) as all_heard:
        await heard.started()
        await all_heard.started()
        for key in ("now.a1", "now.a2", "bulk.a3"):
            await bus.publish(RESULTS, key, key.encode())
        assert [message.body for message in await take(heard, 2)] == [b"now.a1", b"bulk.a3"]
        assert len(await take(all_heard, 3)) == 3
