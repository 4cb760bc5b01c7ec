"""Provider tokens: signed as Apple wants them, and living as long."""

import base64
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from shared.flow.verdict import Outcome
from shared.providers.apns.certificate import raw_signature
from shared.providers.apns.settings import ApnsEndpoints, ApnsSettings
from shared.providers.contract import AuthorizationRefused, Form
from shared.providers.registry import provider
from tests.unit.providers import credentials

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 5, 1, 12, 0, 0, 999_000, tzinfo=UTC)
APNS = provider("apns")


async def _never(form: Form) -> Outcome:
    raise AssertionError(form)


async def test_a_token_verifies_as_es256_with_apples_claims_and_nothing_else(by_token: ApnsSettings) -> None:
    made = await APNS.authorize(by_token, ApnsEndpoints(), NOW, _never)
    scheme, token = made.value.split(" ")
    assert scheme == "bearer"
    key = credentials.ec_key().public_key()
    claims = jwt.decode(token, key, algorithms=["ES256"], options={"verify_iat": False})
    assert claims == {"iss": "DEF123GHIJ", "iat": int(NOW.timestamp())}
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "ABC123DEFG"}


async def test_the_token_is_three_parts_without_padding_and_its_signature_64_bytes(by_token: ApnsSettings) -> None:
    made = await APNS.authorize(by_token, ApnsEndpoints(), NOW, _never)
    parts = made.value.removeprefix("bearer ").split(".")
    assert len(parts) == 3
    assert "=" not in made.value
    assert len(base64.urlsafe_b64decode(parts[2] + "==")) == 64


def test_a_short_half_of_a_signature_is_padded() -> None:
    assert raw_signature(encode_dss_signature(1, 2)) == bytes(31) + b"\x01" + bytes(31) + b"\x02"


async def test_a_token_is_renewed_at_50_minutes_useless_at_60_and_never_sooner_than_20(by_token: ApnsSettings) -> None:
    made = await APNS.authorize(by_token, ApnsEndpoints(), NOW, _never)
    assert made.issued_at == NOW.replace(microsecond=0)
    assert made.refresh_at - made.issued_at == timedelta(minutes=50)
    assert made.expires_at - made.issued_at == timedelta(minutes=60)
    assert APNS.min_refresh == 20 * 60
    assert made.value not in repr(made)


async def test_a_certificate_variant_has_nothing_to_obtain(by_certificate: ApnsSettings) -> None:
    with pytest.raises(AuthorizationRefused) as refused:
        await APNS.authorize(by_certificate, ApnsEndpoints(), NOW, _never)
    assert refused.value.permanent
