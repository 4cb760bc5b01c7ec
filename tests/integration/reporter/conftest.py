"""A store of the test's own, and a clock that stands at the beginning of an hour."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.runtime.clock import FixedClock
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()
