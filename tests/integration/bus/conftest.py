"""A bus on the module's own virtual host, and a fresh platform for each test: none meets another's messages."""

import secrets
from collections.abc import AsyncIterator

import pytest

from shared.bus.connection import Bus, open_bus
from shared.bus.topology import slices_queue, topology
from shared.flow.lane import Lane

SCALE = 60
"""A minute takes a second."""


@pytest.fixture
async def bus(amqp_url: str) -> AsyncIterator[Bus]:
    async with open_bus(amqp_url, name="test") as opened:
        yield opened


@pytest.fixture
async def queue(bus: Bus) -> str:
    """The name of an empty slices queue with all its wait queues."""
    platform = f"p{secrets.token_hex(4)}"
    await bus.declare(topology([platform], SCALE))
    return slices_queue(platform, Lane.NOW)
