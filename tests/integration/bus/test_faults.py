"""A broker that dies, blocks or throws everybody out: nothing confirmed is lost, nothing hangs, all goes on."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import urlsplit

import pytest

from services.cli.local.servers import Broker
from shared.bus.connection import Bus, open_bus
from shared.bus.errors import BusError, NotConfirmed
from shared.bus.topology import DEFAULT, topology
from shared.runtime.metrics import Metrics
from tests.integration.servers import running_broker

pytestmark = pytest.mark.anyio

QUEUE = "slices.pfault.now"
PREFETCH = 20
PUBLISHERS = 4


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that this file's tests may hurt; each leaves it well."""
    with running_broker(tmp_path_factory.mktemp("faulty-rabbitmq")) as running:
        yield running


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def bus(faulty: Broker, metrics: Metrics) -> AsyncIterator[Bus]:
    async with open_bus(faulty.url, name="faults", metrics=metrics) as opened:
        await opened.declare(topology(["pfault"]))
        yield opened


class Traffic:
    """Publishes numbers, each again and again until confirmed, and consumes them; each is known by its body."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.confirmed: set[bytes] = set()
        self.seen: Counter[bytes] = Counter()
        self.stale_at_hand_out = 0
        self.stopping = False

    @property
    def lost(self) -> int:
        """What was confirmed and not consumed; what was consumed unconfirmed is no loss (its outcome was unknown)."""
        return len(self.confirmed - self.seen.keys())

    @property
    def repeated(self) -> int:
        """What was in hand, or unconfirmed, when the connection went."""
        return self.seen.total() - len(self.seen)

    async def publish(self, prefix: str) -> None:
        number = 0
        while not self.stopping:
            body = f"{prefix}-{number}".encode()
            try:
                await self.bus.publish(DEFAULT, QUEUE, body, timeout=2)
            except NotConfirmed:
                await asyncio.sleep(0.02)
                continue
            self.confirmed.add(body)
            number += 1
            await asyncio.sleep(0.005)  # consuming keeps up, so that the end comes soon

    async def consume(self) -> None:
        async with self.bus.consume(QUEUE, prefetch=PREFETCH) as consumer:
            async for message in consumer:
                self.stale_at_hand_out += message.stale
                await asyncio.sleep(0.001)  # so that some are in hand whenever the connection goes
                self.seen[message.body] += 1
                await message.ack()

    @contextlib.asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Traffic meanwhile; afterwards all that was confirmed has been consumed, or some seconds have passed."""
        async with asyncio.TaskGroup() as tasks:
            consuming = tasks.create_task(self.consume())
            publishing = [tasks.create_task(self.publish(name)) for name in map(str, range(PUBLISHERS))]
            yield
            self.stopping = True
            await asyncio.wait(publishing)
            with contextlib.suppress(TimeoutError):
                await until(lambda: self.confirmed <= self.seen.keys(), seconds=20)
            consuming.cancel()


async def test_throwing_everybody_out_loses_nothing(bus: Bus, faulty: Broker) -> None:
    traffic = Traffic(bus)
    async with traffic.flowing():
        for _ in range(2):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(faulty.ctl, "close_all_connections", "test")
        await asyncio.sleep(0.5)
    assert traffic.lost == 0
    assert traffic.stale_at_hand_out == 0
    assert len(traffic.confirmed) > 100


async def test_a_network_that_breaks_twice_a_second_loses_nothing(bus: Bus, faulty: Broker) -> None:
    async with relayed(faulty.url) as relay, open_bus(relay.url, name="broken") as broken:
        traffic = Traffic(broken)
        async with traffic.flowing():
            for _ in range(6):
                await asyncio.sleep(0.5)
                relay.cut()
    assert traffic.repeated <= 6 * (PREFETCH + PUBLISHERS)
    assert traffic.lost == 0
    assert traffic.stale_at_hand_out == 0
    assert len(traffic.confirmed) > 100


async def test_a_killed_broker_is_used_again_when_it_is_back_and_has_lost_nothing(bus: Bus, faulty: Broker) -> None:
    traffic = Traffic(bus)
    async with traffic.flowing():
        await asyncio.sleep(0.5)
        before = len(traffic.confirmed)
        await asyncio.to_thread(faulty.kill)
        with pytest.raises(BusError):
            await bus.check()
        await asyncio.to_thread(faulty.start)
        await until(lambda: len(traffic.confirmed) > before + 100, seconds=15)
    assert traffic.lost == 0
    assert traffic.stale_at_hand_out == 0
    await bus.check()


async def test_under_a_memory_alarm_publishing_fails_in_time_consuming_goes_on_and_all_recovers(
    bus: Bus, metrics: Metrics, faulty: Broker
) -> None:
    await bus.publish(DEFAULT, QUEUE, b"before")
    await asyncio.to_thread(faulty.ctl, "set_vm_memory_high_watermark", "0.0000001")
    try:
        await until_refused(bus)
        first = await refusal(bus)
        again = await refusal(bus)
        assert {first.why, again.why} == {"blocked"}
        assert again.sent is False  # known to be blocked: no further copy is sent that would arrive later
        assert state(bus) == (True, False)
        assert b"carillon_broker_blocked 1.0" in metrics.text()
        assert metrics.publish_unconfirmed.labels("blocked")._value.get() >= 2
        with pytest.raises(NotConfirmed):
            await bus.check()
        async with bus.consume(QUEUE, prefetch=1) as consumer, asyncio.timeout(60):
            assert await (await anext(consumer)).ack()
    finally:
        await asyncio.to_thread(faulty.ctl, "set_vm_memory_high_watermark", "0.4")
    await until(lambda: bus.confirming, seconds=60)  # by itself: nobody publishes
    assert state(bus) == (False, True)
    await bus.publish(DEFAULT, QUEUE, b"after")


async def test_a_broker_that_falls_silent_hangs_neither_a_publish_nor_the_end(faulty: Broker) -> None:
    async with relayed(faulty.url) as relay:
        async with open_bus(relay.url, name="silent") as bus:
            await bus.check()
            relay.silent = True
            began = asyncio.get_running_loop().time()
            with pytest.raises(NotConfirmed) as caught:
                await bus.publish(DEFAULT, QUEUE, b"", timeout=1)
            assert asyncio.get_running_loop().time() - began < 8
            assert (caught.value.why, caught.value.sent) == ("timeout", True)
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 60


class Relay:
    """Stands between us and the broker: can cut every connection, or swallow whatever either side says."""

    def __init__(self, url: str) -> None:
        self.silent = False
        self.url = ""
        self._target = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()

    def listening(self, port: int) -> None:
        netloc = f"{self._target.username}:{self._target.password}@127.0.0.1:{port}"
        self.url = self._target._replace(netloc=netloc).geturl()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        ours = {writer, far_writer}
        self._writers |= ours
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self._writers -= ours

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if not self.silent:
                    writer.write(data)
        writer.close()


@contextlib.asynccontextmanager
async def relayed(url: str) -> AsyncIterator[Relay]:
    relay = Relay(url)
    async with await asyncio.start_server(relay.relay, "127.0.0.1", 0) as server:
        relay.listening(server.sockets[0].getsockname()[1])
        yield relay


async def refusal(bus: Bus) -> NotConfirmed:
    began = asyncio.get_running_loop().time()
    with pytest.raises(NotConfirmed) as caught:
        await bus.publish(DEFAULT, QUEUE, b"", timeout=0.5)
    assert asyncio.get_running_loop().time() - began < 5
    return caught.value


def state(bus: Bus) -> tuple[bool, bool]:
    return bus.blocked, bus.confirming


async def until_refused(bus: Bus) -> None:
    """The alarm takes a moment to reach the connections."""
    with contextlib.suppress(NotConfirmed):
        async with asyncio.timeout(60):
            while True:
                await bus.publish(DEFAULT, QUEUE, b"", timeout=0.5)


async def until(condition: Callable[[], bool], *, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # the broker has no event for it
            await asyncio.sleep(0.05)
