"""A simulated Firebase for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.simulator.fcm.running import Firebase, running_firebase


@pytest.fixture
async def firebase(anyio_backend: str) -> AsyncIterator[Firebase]:
    async with running_firebase() as running:
        yield running
