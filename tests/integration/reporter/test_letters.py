"""Dead letters that name an erased user are dropped; all others lie where they lay, in their order."""

import json
from collections.abc import AsyncIterator

import pytest

from services.cli.dead_letters_box import open_box
from services.reporter.letters import Letters
from shared.bus.connection import Bus, open_bus
from shared.bus.topology import DEAD, topology

pytestmark = pytest.mark.anyio
HERS, HIS = "ada-b3f1c7d9e5", "bob-0a8d6c4e2f"


@pytest.fixture
async def bus(amqp_url: str) -> AsyncIterator[Bus]:
    async with open_bus(amqp_url, name="letters") as one:
        await one.declare(topology(["apns"]))
        yield one


def command(user: str, app: str = "app") -> bytes:
    return json.dumps({"v": 1, "app": app, "audience": {"users": [user]}}).encode()


async def lying(amqp_url: str) -> list[bytes]:
    async with open_box(amqp_url) as box:
        return [letter.body async for letter, _ in box.letters(100)]


async def test_letters_that_name_the_user_go_and_the_others_stay_in_order(bus: Bus, amqp_url: str) -> None:
    kept = [command(HIS), command(HERS, "other"), f"{{{HIS}".encode(), b'{"slices": []}']
    gone = [command(HERS), json.dumps({"commands": [json.loads(command(HERS))]}).encode(), f"{{{HERS}".encode()]
    for one in (gone[0], *kept[:2], gone[1], *kept[2:], gone[2]):
        await bus.publish(DEAD, "commands", one, headers={"reason": "why", "queue": "commands"})
    assert await Letters(bus).forget("app", {HERS}) == 3
    assert await lying(amqp_url) == kept
    assert await Letters(bus).forget("app", {HERS}) == 0
    assert await lying(amqp_url) == kept
