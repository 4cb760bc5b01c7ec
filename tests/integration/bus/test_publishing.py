"""Publishing: confirmed, or an error that says what is known."""

import asyncio

import pytest

from shared.bus.connection import Bus, open_bus
from shared.bus.errors import NotConfirmed, QueueMissing, Unroutable
from shared.bus.topology import (
    DEAD,
    DEFAULT,
    RESULTS,
    SENDS,
    Queue,
    Topology,
    guarded,
    results_key,
    results_queue,
)
from shared.flow.lane import Lane

pytestmark = pytest.mark.anyio


async def test_a_message_without_a_queue_is_an_error_not_a_success(bus: Bus) -> None:
    with pytest.raises(Unroutable):
        await bus.publish(DEFAULT, "no-such-queue", b"lost")


async def test_a_message_without_an_exchange_is_an_error_and_the_next_publish_works(bus: Bus, queue: str) -> None:
    with pytest.raises(Unroutable):
        await bus.publish("no-such-exchange", queue, b"lost")
    await bus.publish(DEFAULT, queue, b"kept")
    assert (await bus.depth(queue)).ready == 1


async def test_only_a_message_that_nobody_need_hear_may_vanish(bus: Bus) -> None:
    await bus.publish(DEFAULT, "no-such-queue", b"", mandatory=False)


async def test_unroutable_messages_are_told_from_routable_ones_among_hundreds_in_flight(bus: Bus, queue: str) -> None:
    async def publish(number: int) -> bool:
        try:
            await bus.publish(DEFAULT, queue if number % 3 else "no-such-queue", b"%d" % number)
        except Unroutable:
            return False
        return True

    routed = await asyncio.gather(*(publish(number) for number in range(300)))
    assert routed == [bool(number % 3) for number in range(300)]
    assert (await bus.depth(queue)).ready == 200


async def test_two_publishes_of_one_message_id_at_once_each_get_their_own_answer(bus: Bus, queue: str) -> None:
    kept = [bus.publish(DEFAULT, queue, b"", message_id="same") for _ in range(5)]
    lost = [bus.publish(DEFAULT, "no-such-queue", b"", message_id="same") for _ in range(5)]
    results = await asyncio.gather(*kept, *lost, return_exceptions=True)
    assert results[:5] == [None] * 5
    assert all(isinstance(result, Unroutable) for result in results[5:])


async def test_a_full_queue_refuses_and_says_so(bus: Bus, queue: str) -> None:
    small = f"{queue}.small"
    await bus.declare(Topology((), (Queue(small, guarded(DEAD, small) | {"x-max-length": 3}),)))
    accepted = 0
    caught: NotConfirmed | None = None
    while caught is None and accepted < 50:  # a quorum queue notices late that it is full
        try:
            await bus.publish(DEFAULT, small, b"")
            accepted += 1
        except NotConfirmed as refusal:
            caught = refusal
    assert caught is not None
    assert caught.why == "nack"
    assert (await bus.depth(small)).ready == accepted


async def test_results_and_commands_find_their_queues(bus: Bus, queue: str) -> None:
    before = {name: (await bus.depth(name)).ready for name in ("commands", results_queue(Lane.NOW))}
    await bus.publish(SENDS, "any.key", b"{}")
    await bus.publish(RESULTS, results_key(Lane.NOW, "a1"), b"{}")
    after = {name: (await bus.depth(name)).ready for name in before}
    assert after == {name: count + 1 for name, count in before.items()}


async def test_what_a_publisher_states_arrives(bus: Bus, queue: str) -> None:
    await bus.publish(DEFAULT, queue, b"\x00body", message_id="m1", headers={"attempt": 2}, correlation_id="c1")
    async with bus.consume(queue, prefetch=1) as consumer:
        incoming = await anext(consumer)
        assert (incoming.body, incoming.message_id, incoming.correlation_id) == (b"\x00body", "m1", "c1")
        assert incoming.headers["attempt"] == 2
        assert incoming.timestamp is not None
        assert not incoming.redelivered
        assert await incoming.ack()


async def test_a_queue_that_is_not_there_has_no_depth(bus: Bus) -> None:
    with pytest.raises(QueueMissing):
        await bus.depth("no-such-queue")


async def test_the_broker_is_asked_whether_it_is_well(bus: Bus) -> None:
    await bus.check()
    assert bus.confirming
    assert not bus.blocked


async def test_without_a_broker_a_publish_fails_in_time_and_was_certainly_not_sent() -> None:
    async with open_bus("amqp://127.0.0.1:1/", name="nowhere") as bus:
        began = asyncio.get_running_loop().time()
        with pytest.raises(NotConfirmed) as caught:
            await bus.publish(DEFAULT, "any", b"", timeout=0.3)
        assert asyncio.get_running_loop().time() - began < 5
        assert (caught.value.why, caught.value.sent) == ("connection", False)
        assert not bus.confirming
