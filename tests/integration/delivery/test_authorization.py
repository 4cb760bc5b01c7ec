"""Eight workers share provider tokens through the store: in three hours they make no more than is allowed (S2)."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.delivery.authorization import Authorizer, Wiring
from services.delivery.catalog import Credentialed
from shared.providers.registry import provider
from shared.runtime.clock import FixedClock
from shared.runtime.metrics import Metrics
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from tests.integration.ingest.credentials import apns

pytestmark = pytest.mark.anyio
START = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


async def test_eight_workers_make_four_provider_tokens_in_three_hours_each_twenty_minutes_apart(opened: Store) -> None:
    speaks, clock, metrics = provider("apns"), FixedClock(START), Metrics()
    variant = Credentialed(cast("Any", None), speaks.Settings.model_validate(apns()))
    workers = [
        Authorizer(Wiring(opened, speaks, speaks.Endpoints(), cast("Any", None), cast("Any", clock), metrics, f"w{n}"))
        for n in range(8)
    ]
    first_used: dict[str | None, datetime] = {}
    while clock.now() < START + timedelta(hours=3):
        values = await asyncio.gather(*(worker.value(variant) for worker in workers))
        for value in values:
            first_used.setdefault(value, clock.now())
        clock.advance(timedelta(minutes=5))
    moments = sorted(first_used.values())
    assert 3 <= len(moments) <= 4
    assert all(later - earlier >= timedelta(minutes=20) for earlier, later in itertools.pairwise(moments))
    assert metrics.registry.get_sample_value(
        "carillon_authorization_refreshes_total", {"platform": "apns", "outcome": "obtained"}
    ) == len(moments)
