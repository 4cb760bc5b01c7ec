"""Variants and contexts that the provider tests share."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.flow.device import Device
from shared.providers.apns.settings import ApnsSettings
from shared.providers.contract import Context
from shared.providers.fcm.settings import FcmSettings
from tests.unit.providers import credentials

NOW = datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture(scope="session")
def by_token() -> ApnsSettings:
    return ApnsSettings(
        environment="production",
        topic=credentials.TOPIC,
        key=credentials.p8(),
        key_id="ABC123DEFG",
        team_id="DEF123GHIJ",
    )


@pytest.fixture(scope="session")
def by_certificate() -> ApnsSettings:
    text = credentials.certificate_pem() + credentials.pem(credentials.rsa_key())
    return ApnsSettings(environment="sandbox", topic=credentials.TOPIC, certificate=text)


@pytest.fixture(scope="session")
def firebase() -> FcmSettings:
    return FcmSettings.model_validate({"service_account": credentials.service_account()})


@pytest.fixture(scope="session")
def context() -> Context:
    return Context("app1.send0001", "send0001", NOW + timedelta(hours=24), NOW)


@pytest.fixture(scope="session")
def iphone() -> Device:
    return Device(bytes(range(12)), "AB" * 32)


@pytest.fixture(scope="session")
def android() -> Device:
    return Device(bytes(range(12)), "fcm:APA91b-token_1")
