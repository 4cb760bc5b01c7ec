"""A throttled project is left alone by every variant that sends with its credentials, and by no other."""

import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.delivery import parking, rounds
from services.delivery.attempt import Attempts
from services.delivery.capping import Capping
from services.delivery.catalog import Catalog
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
from tests.integration.ingest.credentials import fcm
from tests.unit.delivery.chunks import NOW, ROUTE, found, job, send

pytestmark = pytest.mark.anyio
USED_UP = (
    b'{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[{"@type":'
    b'"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"QUOTA_EXCEEDED"}]}}'
)


@dataclass
class Throttling:
    """A project without quota. It also hands out authorizations."""

    async def send(self, parcels: Sequence[Parcel]) -> list[Results]:
        answer = Answer(429, {"retry-after": "90"}, USED_UP)
        return [results_of([answer] * parcel.requests.count) for parcel in parcels]

    async def value(self, variant: object, refused: str | None = None) -> str:
        del variant, refused
        return "Bearer x"


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


async def test_one_answer_parks_every_variant_of_the_project_for_as_long_as_it_says(opened: Store) -> None:
    speaks, clock, metrics, rng = provider("fcm"), cast("Any", FixedClock(NOW)), Metrics(), random.Random(1)
    secret = frozenset({"service_account"})
    projects = {"mine": "bells-one", "same": "bells-one", "other": "bells-two"}
    settings = {
        name: speaks.Settings.model_validate_json(json.dumps(fcm(project))).model_dump(mode="json", exclude_none=True)
        for name, project in projects.items()
    }
    made = {name: await opened.variants.create("app", "fcm", name, one, secret, NOW) for name, one in settings.items()}
    catalog = Catalog(opened, speaks)
    for variant in made.values():
        await catalog.variant("app", variant.id)
    attempts = Attempts(
        rounds.Wiring(
            speaks, speaks.Endpoints(), Pacing(Throttling(), opened, clock, Life(timedelta(seconds=1))), catalog,
            cast("Any", Throttling()), clock, metrics, 1, rng,
            Parking(parking.Wiring("fcm", opened, catalog, clock, metrics)), Routes("fcm", clock, metrics, rng),
            Capping(opened.caps, clock),
        )
    )  # fmt: skip
    one = job(send())
    route = ROUTE.model_copy(update={"variant": made["mine"].id, "platform": "fcm"})
    (ended,) = await attempts.run([(type(one)(one.member, one.send, route, one.where), found(1))])
    assert isinstance(ended, Postponed)
    parked = await opened.parking.of([variant.id for variant in made.values()])
    assert set(parked) == {made["mine"].id, made["same"].id}
    assert {one.probe_at for one in parked.values()} == {NOW + timedelta(seconds=90)}
