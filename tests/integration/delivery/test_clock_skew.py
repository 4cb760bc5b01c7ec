"""A clock that is off makes every provider token look expired: one try, one warning, no storm, no lost token (S3)."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.delivery import parking, rounds
from services.delivery.attempt import Attempts
from services.delivery.authorization import Authorizer, Wiring
from services.delivery.capping import Capping
from services.delivery.catalog import Credentialed
from services.delivery.flight import Postponed
from services.delivery.pacing import Pacing
from services.delivery.parking import Parking
from services.delivery.routes import Routes
from services.delivery.transport.contract import Parcel, Results, results_of
from shared.flow.verdict import Answer
from shared.providers.registry import provider
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from shared.store.variants import Variant
from tests.integration.ingest.credentials import apns
from tests.unit.delivery.chunks import NOW, found, job, send

pytestmark = pytest.mark.anyio
EXPIRED = Answer(403, {}, b'{"reason":"ExpiredProviderToken"}')


@dataclass
class Skewed:
    """A provider to which every token is two hours old."""

    asked: int = 0
    tokens: set[str] = field(default_factory=set)

    async def send(self, parcels: Sequence[Parcel]) -> list[Results]:
        self.asked += sum(parcel.requests.count for parcel in parcels)
        self.tokens |= {dict(parcel.headers)["authorization"] for parcel in parcels}
        return [results_of([EXPIRED] * parcel.requests.count) for parcel in parcels]


@dataclass
class Known:
    """A catalog of one variant."""

    one: Credentialed

    async def variant(self, app: str, variant: str) -> Credentialed:
        del app, variant
        return self.one

    def forget(self, variant: str) -> None:
        """There is nothing to read again."""


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


async def test_a_skewed_clock_is_one_refusal_a_device_no_storm_of_new_tokens_and_a_parked_variant(
    opened: Store,
) -> None:
    speaks, clock, metrics, transport = provider("apns"), FixedClock(NOW), Metrics(), Skewed()
    variant = Variant("v1", "app", "apns", "iOS", 1, datetime(2026, 1, 1, tzinfo=UTC), {})
    known = cast("Any", Known(Credentialed(variant, speaks.Settings.model_validate(apns()))))
    wiring = Wiring(opened, speaks, speaks.Endpoints(), cast("Any", None), cast("Any", clock), metrics, "w")
    parked = Parking(parking.Wiring("apns", opened, known, clock, metrics))
    pacing = Pacing(transport, opened, clock, Life(timedelta(seconds=1)))
    attempts = Attempts(
        rounds.Wiring(
            speaks, speaks.Endpoints(), pacing, known, Authorizer(wiring), cast("Any", clock), metrics, 1,
            random.Random(1), parked, Routes("apns", clock, metrics, random.Random(1)),
            Capping(opened.caps, clock),
        )
    )  # fmt: skip
    devices = found(50)
    devices = type(devices)([one._replace(token="ab" * 32) for one in devices.devices], looked_up_at=NOW)
    (ended,) = await attempts.run([(job(send()), devices)])
    assert transport.asked == 50
    assert len(transport.tokens) == 1
    assert isinstance(ended, Postponed)
    assert ended.until > NOW
    stored = (await opened.parking.of(["v1"]))["v1"]
    assert stored.reason in ("ExpiredProviderToken", "refused_soon_after_issue")
    assert stored.probe_at == NOW + timedelta(minutes=1)
    problems = [
        sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "carillon_credential_problems_total"
    ]
    assert sum(problems) == 1
