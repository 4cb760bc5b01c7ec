"""Each test has simulated APNs of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.simulator.apns_rig import Rig, rigged


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as running:
        yield running
