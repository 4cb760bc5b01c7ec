"""A service that can read nothing leaves its queue alone instead of putting all of it to the dead letters."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from shared.bus.connection import Bus
from shared.bus.incoming import Incoming
from shared.bus.topology import DEAD_LETTERS, DEFAULT
from shared.ceiling import MOST, PROBE
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.taking import Source, Taking, Unreadable

pytestmark = pytest.mark.anyio
MANY = 3 * MOST


class Service:
    """Reads nothing, or fails at everything, until it is mended."""

    def __init__(self, bus: Bus, queue: str, error: type[Exception], *, tenants: bool = False) -> None:
        self.life, self.metrics, self.clock = Life(timedelta(seconds=5)), Metrics(), FixedClock(scale=60)
        self.taking = Taking(bus, cast("Any", self.clock), self.metrics, self.life, "test")
        self.source = Source(queue, 20, self.handle, tenants=tenants)
        self.error: type[Exception] | None = error
        self.handled: set[bytes] = set()

    async def handle(self, incoming: Incoming) -> None:
        if self.error is not None:
            raise self.error("cannot")
        self.handled.add(incoming.body)
        await incoming.ack()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.taking.run([self.source]))
        try:
            yield
        finally:
            self.life.stop()
            await task

    def paused(self) -> float | None:
        return self.metrics.registry.get_sample_value("carillon_queue_paused", {"queue": self.source.queue})


async def fill(bus: Bus, queue: str) -> None:
    await asyncio.gather(*(bus.publish(DEFAULT, queue, b"%d" % n) for n in range(MANY)))


async def until(holds: Any) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  # what it looks at has no event
            await asyncio.sleep(0.01)


async def buried(bus: Bus, queue: str) -> int:
    """Dead letters of this queue; taken away."""
    there, found = (await bus.depth(DEAD_LETTERS)).ready, 0
    async with bus.consume(DEAD_LETTERS, prefetch=1000) as dead, asyncio.timeout(60):
        for _ in range(there):
            message = await anext(dead)
            found += message.routing_key == queue
            await message.ack()
    return found


async def test_what_cannot_be_read_stays_in_the_queue_until_the_service_is_mended(bus: Bus, queue: str) -> None:
    await fill(bus, queue)
    service = Service(bus, queue, Unreadable)
    async with service.running():
        await until(lambda: queue in service.taking.paused)
        assert service.paused() == 1
        assert await buried(bus, queue) == MOST
        await until(lambda: queue not in service.taking.paused)  # tries again, and pauses again
        await until(lambda: queue in service.taking.paused)
        assert await buried(bus, queue) == PROBE
        service.error = None
        await until(lambda: len(service.handled) == MANY - MOST - PROBE)
        assert service.paused() == 0
    assert (await bus.depth(queue)).ready == 0


async def test_a_service_that_fails_at_everything_loses_nothing_to_the_limit_of_deliveries(
    bus: Bus, queue: str
) -> None:
    await fill(bus, queue)
    service = Service(bus, queue, ZeroDivisionError)
    service.source = Source(queue, 2 * MOST, service.handle)
    with capture_logs() as lines:  # a traceback for each, which nobody wants to read
        async with service.running():
            await until(lambda: queue in service.taking.paused)
            service.error = None
            await until(lambda: len(service.handled) == MANY)
    assert {"queue_paused", "message_failed"} <= {line["event"] for line in lines}
    assert await buried(bus, queue) == 0


async def test_garbage_of_a_tenant_shuts_no_door(bus: Bus, queue: str) -> None:
    await fill(bus, queue)
    service = Service(bus, queue, Unreadable, tenants=True)
    async with service.running():
        dead = 0
        async with asyncio.timeout(60):
            while dead < MANY:
                dead += await buried(bus, queue)
        assert not service.taking.paused
    assert dead == MANY


async def test_what_waits_in_a_queue_and_for_how_long_is_asked_when_somebody_wants_to_know(
    bus: Bus, queue: str
) -> None:
    service = Service(bus, queue, Unreadable)
    clock, going, first = service.clock, asyncio.Event(), asyncio.Event()

    async def handle(incoming: Incoming) -> None:
        first.set()
        await going.wait()
        await incoming.ack()

    def measured(metric: str) -> float | None:
        return service.metrics.registry.get_sample_value(f"carillon_{metric}", {"queue": queue})

    service.source = Source(queue, 1, handle)
    async with service.running():
        for n in range(3):
            await bus.publish(DEFAULT, queue, b"%d" % n)
        await asyncio.wait_for(first.wait(), 60)
        service.taking.newest[queue] = clock.now()
        clock.advance(timedelta(minutes=7))
        await service.metrics.asked()
        assert (measured("queue_messages"), measured("queue_age_seconds")) == (2, 420)
        going.set()

        async def is_empty() -> bool:
            await service.metrics.asked()
            return measured("queue_messages") == 0

        async with asyncio.timeout(60):
            while not await is_empty():  # noqa: ASYNC110  # a queue has no event
                await asyncio.sleep(0.01)
        assert measured("queue_age_seconds") == 0


async def test_questions_that_nobody_answers_hold_up_no_reader_of_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.runtime.metrics.ASKED_WITHIN", 0.05)
    metrics, asked = Metrics(), asyncio.Event()

    async def never() -> None:
        asked.set()
        await asyncio.Event().wait()

    async def fails() -> None:
        raise ConnectionError

    metrics.ask(never)
    metrics.ask(fails)
    await asyncio.wait_for(metrics.asked(), 60)
    assert asked.is_set()
