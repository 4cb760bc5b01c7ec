"""The definitions that production imports: the broker takes them, and each service can do its work and nothing else."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from urllib.parse import urlsplit

import pytest

from services.cli.dead_letters_box import open_box
from services.cli.local.servers import Broker
from services.reporter.letters import Letters
from shared.bus.connection import Bus, open_bus
from shared.bus.definitions import VHOST, definitions
from shared.bus.errors import BusError, NotConfirmed, TopologyRefused
from shared.bus.topology import COMMANDS, DEAD, DEFAULT, RESULTS, topology

pytestmark = pytest.mark.anyio

PASSWORD = secrets.token_hex(8)
PLATFORM = "apns"


@pytest.fixture(scope="module")
def imported(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a virtual host made of the definitions, without a user."""
    vhost = f"production-{secrets.token_hex(4)}"
    file = tmp_path_factory.mktemp("definitions") / "definitions.json"
    text = json.dumps(definitions([PLATFORM])).replace(f'"name": "{VHOST}"', f'"name": "{vhost}"')
    file.write_text(text.replace(f'"vhost": "{VHOST}"', f'"vhost": "{vhost}"'), "utf-8")
    broker.ctl("import_definitions", str(file))
    for service in ("planner", "delivery", "reporter", "operator"):
        broker.ctl("change_password", f"carillon-{service}", PASSWORD)
    yield f"{urlsplit(broker.url).netloc.rpartition('@')[2]}/{vhost}"
    broker.ctl("delete_vhost", vhost)


@pytest.fixture
async def planner(imported: str) -> AsyncIterator[Bus]:
    async with open_bus(f"amqp://carillon-planner:{PASSWORD}@{imported}", name="planner") as bus:
        yield bus


@pytest.fixture
async def delivery(imported: str) -> AsyncIterator[Bus]:
    async with open_bus(f"amqp://carillon-delivery:{PASSWORD}@{imported}", name="delivery") as bus:
        yield bus


async def test_the_way_of_a_slice_is_open(planner: Bus, delivery: Bus) -> None:
    await planner.declare(topology([PLATFORM]))
    await delivery.declare(topology([PLATFORM]))
    await planner.check()
    async with planner.listen(RESULTS, ["#"]) as heard, delivery.consume("slices.apns.now", prefetch=1) as slices:
        await heard.started()
        await planner.publish(DEFAULT, "slices.apns.now", b"slice")
        async with asyncio.timeout(60):
            slice_ = await anext(slices)
            await delivery.publish(RESULTS, "now.a1", b"result")
            assert await slice_.ack()
            assert (await anext(heard)).body == b"result"


async def test_what_is_missing_is_named_at_the_start(delivery: Bus) -> None:
    with pytest.raises(TopologyRefused, match=r"slices\.pother\.now"):
        await delivery.declare(topology([PLATFORM, "pother"]))


async def test_a_service_can_neither_read_nor_write_what_is_not_its_own(delivery: Bus) -> None:
    with pytest.raises(NotConfirmed, match="ACCESS_REFUSED"):
        await delivery.publish("sends", "any", b"")
    async with delivery.consume(COMMANDS, prefetch=1) as consumer:
        await asyncio.sleep(0.3)
        assert not consumer.consuming
    await delivery.publish(DEAD, "any", b"")


async def test_a_user_without_a_password_cannot_log_in(imported: str) -> None:
    async with open_bus(f"amqp://carillon-ingest:@{imported}", name="intruder") as bus:
        with pytest.raises(BusError):
            await bus.publish(DEFAULT, COMMANDS, b"", timeout=1)


async def test_who_looks_after_dead_letters_may_read_and_replay_them(delivery: Bus, imported: str) -> None:
    await delivery.publish(DEAD, "slices.apns.now", b"slice", headers={"reason": "why", "queue": "slices.apns.now"})
    async with (
        open_box(f"amqp://carillon-operator:{PASSWORD}@{imported}") as box, aclosing(box.letters(10)) as letters
    ):  # fmt: skip
        async for letter, incoming in letters:  # the tests before left some of their own
            if letter.body == b"slice":
                await box.replay(letter, incoming)
    async with delivery.consume("slices.apns.now", prefetch=1) as slices, asyncio.timeout(60):
        message = await anext(slices)
        assert message.body == b"slice"
        await message.ack()


async def test_an_erasure_may_take_dead_letters_away(delivery: Bus, imported: str) -> None:
    await delivery.publish(DEAD, "commands", b'{"users": ["ada-b3f1c7d9e5"', headers={"reason": "no JSON"})
    async with open_bus(f"amqp://carillon-reporter:{PASSWORD}@{imported}", name="reporter") as reporter:
        assert await Letters(reporter).forget("app", {"ada-b3f1c7d9e5"}) == 1
