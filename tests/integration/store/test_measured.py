"""The store's own time for each operation is measured, and what fails is counted."""

from pathlib import Path

import pytest
from pymongo.errors import OperationFailure

from shared.runtime.metrics import Metrics
from shared.store.connection import open_store
from shared.store.keyring import open_keyring

pytestmark = pytest.mark.anyio


async def test_operations_are_measured_by_their_names(mongodb_url: str, database: str, tmp_path: Path) -> None:
    metrics = Metrics()
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring"), metrics=metrics) as store:
        await store.sends.get("app.nothing")
        await store.sends.get("app.nothing")
        with pytest.raises(OperationFailure):
            await store.database.command("aggregate", "sends", pipeline=[{"$nonsense": 1}], cursor={})
    counted = metrics.registry.get_sample_value
    assert counted("carillon_store_seconds_count", {"operation": "find"}) == 2
    assert (counted("carillon_store_seconds_sum", {"operation": "find"}) or 0) > 0
    assert counted("carillon_store_failures_total", {"operation": "aggregate"}) == 1
