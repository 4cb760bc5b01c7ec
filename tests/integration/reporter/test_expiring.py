"""Operators are told how many days a certificate has left: of each app the first one that runs out."""

from datetime import timedelta

import pytest

from services.reporter.expiring import Expiring, soonest
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from tests.unit.providers.credentials import NOT_AFTER, TOPIC, certificate_pem, p8, pem, rsa_key

pytestmark = pytest.mark.anyio
SECRET = frozenset({"certificate", "key"})
APNS = {"environment": "production", "topic": TOPIC}


async def test_certificates_are_told_and_keys_do_not_run_out(opened: Store, clock: FixedClock) -> None:
    held = APNS | {"certificate": certificate_pem() + pem(rsa_key())}
    key = APNS | {"key": p8(), "key_id": "ABC1234567", "team_id": "TEAM123456"}
    await opened.variants.create("app1", "apns", "old way", held, SECRET, clock.now())
    await opened.variants.create("app2", "apns", "new way", key, SECRET, clock.now())
    clock.advance(NOT_AFTER - timedelta(days=9) - clock.now())
    metrics = Metrics()
    await Expiring(opened, clock, Life(timedelta(seconds=1)), metrics).round()
    days = [
        (sample.labels, sample.value)
        for family in metrics.registry.collect()
        if family.name == "carillon_credential_days_left"
        for sample in family.samples
    ]
    assert days == [({"app": "app1", "platform": "apns"}, 9)]


async def test_a_renewed_certificate_is_no_longer_told_as_the_old_one(opened: Store, clock: FixedClock) -> None:
    held = APNS | {"certificate": certificate_pem() + pem(rsa_key())}
    made = await opened.variants.create("app1", "apns", "old way", held, SECRET, clock.now())
    metrics = Metrics()
    expiring = Expiring(opened, clock, Life(timedelta(seconds=1)), metrics)
    await expiring.round()
    assert b"carillon_credential_days_left{" in metrics.text()
    await opened.variants.delete("app1", made.id)
    await expiring.round()
    assert b"carillon_credential_days_left{" not in metrics.text()


async def test_of_many_apps_those_that_run_out_first_are_named() -> None:
    left = {(f"app{number:03}", "apns"): float(number) for number in range(1000)}
    found = soonest(left)
    assert len(found) == 51
    assert found["app000", "apns"] == 0
    assert found["other", "apns"] == 50
