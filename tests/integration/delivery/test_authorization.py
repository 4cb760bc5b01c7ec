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


def authorizer(store: Store, clock: FixedClock, metrics: Metrics, owner: str) -> Authorizer:
    speaks, unused = provider("apns"), cast("Any", None)
    return Authorizer(Wiring(store, speaks, speaks.Endpoints(), unused, cast("Any", clock), metrics, owner))


async def test_one_that_is_sealed_under_a_key_that_is_gone_is_made_anew(
    opened: Store, mongodb_url: str, database: str, tmp_path: Path
) -> None:
    clock, metrics = FixedClock(START), Metrics()
    variant = Credentialed(cast("Any", None), provider("apns").Settings.model_validate(apns()))
    before = await authorizer(opened, clock, metrics, "one").value(variant)
    clock.advance(timedelta(minutes=21))
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "another")) as other:
        after = await authorizer(other, clock, metrics, "two").value(variant)
        assert after is not None
        assert after != before
        assert await authorizer(other, clock, metrics, "three").value(variant) == after


async def test_eight_workers_make_four_provider_tokens_in_three_hours_each_twenty_minutes_apart(opened: Store) -> None:
    clock, metrics = FixedClock(START), Metrics()
    variant = Credentialed(cast("Any", None), provider("apns").Settings.model_validate(apns()))
    workers = [authorizer(opened, clock, metrics, f"w{n}") for n in range(8)]
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
