"""The local broker and store do what fault tests and `carillon up` need of them."""

import asyncio
import ipaddress
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import aio_pika
import pytest
from pymongo import AsyncMongoClient, WriteConcern

from services.cli.local import docker, rabbitmq
from services.cli.local.mongod import LocalStore
from services.cli.local.owned import born, wait_until
from services.cli.local.rabbitmq import LocalBroker
from services.cli.local.servers import Broker, Server

pytestmark = pytest.mark.anyio
LISTEN = "0A"  # the state of a socket in /proc/net/tcp


async def test_a_document_written_with_majority_outlives_the_death_of_the_store(own_store: Server) -> None:
    async with AsyncMongoClient[dict[str, object]](own_store.url) as client:
        kept = client["test"].get_collection("kept", write_concern=WriteConcern("majority", j=True))
        await kept.insert_one({"_id": "owed"})
    await asyncio.to_thread(own_store.kill)
    assert not own_store.alive()
    await asyncio.to_thread(own_store.start)
    async with AsyncMongoClient[dict[str, object]](own_store.url) as client:
        assert await client["test"]["kept"].find_one({}) == {"_id": "owed"}


async def test_a_module_has_a_virtual_host_of_its_own(amqp_url: str, broker: Broker, vhost: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        await (await connection.channel()).declare_queue("here", auto_delete=True)
        assert "here" in await asyncio.to_thread(broker.ctl, "list_queues", "--vhost", vhost)
        assert "here" not in await asyncio.to_thread(broker.ctl, "list_queues", "--vhost", "carillon")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalBroker, LocalBroker]]:
    """As plain processes: facts about pids and ports are not Docker's to show."""
    if not rabbitmq.is_installed() and docker.answers():
        pytest.skip("this machine runs the servers in Docker only")
    brokers = (LocalBroker(tmp_path_factory.mktemp("first")), LocalBroker(tmp_path_factory.mktemp("second")))
    try:
        with ThreadPoolExecutor() as both:
            list(both.map(LocalBroker.start, brokers))
        yield brokers
    finally:
        for broker in brokers:
            broker.kill()


def test_two_brokers_run_side_by_side(two: tuple[LocalBroker, LocalBroker]) -> None:
    first, second = two
    first.ctl("add_vhost", "only-here")
    assert "only-here" in first.ctl("list_vhosts")
    assert "only-here" not in second.ctl("list_vhosts")


def test_a_broker_and_its_epmd_listen_on_loopback_only(two: tuple[LocalBroker, LocalBroker]) -> None:
    pids = {pid for broker in two for pid in broker.pids}
    assert listening_addresses(pids) <= {"127.0.0.1", "::1"}


def test_there_is_no_guest(two: tuple[LocalBroker, LocalBroker]) -> None:
    assert "guest" not in two[0].ctl("list_users")


async def test_a_killed_broker_leaves_no_process_and_loses_no_confirmed_message(
    two: tuple[LocalBroker, LocalBroker],
) -> None:
    broker = two[0]
    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
        await channel.default_exchange.publish(aio_pika.Message(b"owed", delivery_mode=2), "kept")
        # RabbitMQ 3.10 writes a new quorum queue's term a moment after its entries; killed before that, a queue of one
        # member comes back without a leader. What is tested here is the message, not that moment.
        await asyncio.sleep(1)
        started = descendants(broker.pids)
        assert len(started) > 2  # Erlang's helper programs, each in a session of its own
        await asyncio.to_thread(broker.kill)
    assert not broker.alive()
    assert await asyncio.to_thread(wait_until, lambda: not any(map(born, started)), timedelta(seconds=5))
    await asyncio.to_thread(broker.start)
    async with await aio_pika.connect(broker.url) as connection:
        queue = await (await connection.channel()).get_queue("kept", ensure=False)
        message = await queue.get(timeout=10)
        assert message is not None
        assert message.body == b"owed"
        await message.ack()


def test_a_stopped_broker_leaves_no_process_and_does_not_touch_the_other(
    two: tuple[LocalBroker, LocalBroker],
) -> None:
    first, second = two
    gone = first.pids
    assert len(gone) == 2
    first.stop()
    assert [born(pid) for pid in gone] == [None, None]
    assert second.alive()
    assert second.ctl("list_vhosts")


def test_a_broker_is_found_again_by_what_it_told(two: tuple[LocalBroker, LocalBroker]) -> None:
    found = LocalBroker.found(two[1].state())
    assert found.url == two[1].url
    assert found.alive()


def test_a_process_with_our_pid_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    ours = LocalStore(tmp_path)
    ours.start()
    try:
        state = dict(ours.state())
        stranger = LocalStore.found(state | {"born": int(state["born"]) - 1})
        assert not stranger.alive()
        stranger.stop()
        stranger.kill()
        assert ours.alive()
    finally:
        ours.kill()
    assert not ours.alive()


def descendants(pids: Iterable[int]) -> set[int]:
    """These processes and all that they started (proc(5), /proc/pid/task/tid/children)."""
    found = set(pids)
    for pid in pids:
        children = " ".join(file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children"))
        found |= descendants([int(child) for child in children.split()])
    return found


def listening_addresses(pids: set[int]) -> set[str]:
    """The addresses that these processes listen on (proc(5): /proc/pid/fd and /proc/net/tcp)."""
    sockets = {str(fd.readlink()) for pid in pids for fd in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()]
    listening = [row for row in rows if row[3] == LISTEN and f"socket:[{row[9]}]" in sockets]
    assert listening, "no listening socket found: the test would prove nothing"
    return {_address(row[1].partition(":")[0]) for row in listening}


def _address(text: str) -> str:
    """The kernel prints addresses as 32-bit words in the machine's byte order."""
    words = struct.pack(f"={len(text) // 8}I", *(int(text[i : i + 8], 16) for i in range(0, len(text), 8)))
    return str(ipaddress.ip_address(words))
