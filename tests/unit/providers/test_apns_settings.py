"""An APNs variant is refused at the door if its credentials cannot work, and tells the field."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from shared.providers.apns.settings import ApnsEndpoints, ApnsSettings
from shared.providers.registry import problems_of, provider
from tests.unit.providers import credentials as c

APNS = provider("apns")
TOKEN = {"environment": "production", "topic": c.TOPIC, "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ"}
CERTIFIED = {"environment": "sandbox", "topic": c.TOPIC}


def _refused(settings: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        ApnsSettings.model_validate(settings)
    assert "hush" not in str(caught.value)
    return [one.pointer for one in problems_of(caught.value)]


@pytest.mark.parametrize(
    "key", ["hush", "", c.pem(c.rsa_key()), c.pem(ec.generate_private_key(ec.SECP384R1())), c.certificate_pem()]
)
def test_a_key_that_cannot_sign_is_refused_by_name(key: str) -> None:
    assert _refused({**TOKEN, "key": key}) == ["/key"]


@pytest.mark.parametrize("field", ["key_id", "team_id"])
@pytest.mark.parametrize("value", ["ABC", "abc123defg", "ABC123DEFGH", ""])
def test_an_id_has_ten_characters(field: str, value: str) -> None:
    assert _refused({**TOKEN, "key": c.p8(), field: value}) == [f"/{field}"]


@pytest.mark.parametrize("missing", ["key", "key_id", "team_id"])
def test_token_authentication_takes_all_three(missing: str) -> None:
    settings = {**TOKEN, "key": c.p8()}
    settings.pop(missing)
    _refused(settings)


def test_key_and_certificate_exclude_each_other() -> None:
    _refused({**TOKEN, "key": c.p8(), "certificate": c.certificate_pem() + c.pem(c.rsa_key())})


@pytest.mark.parametrize("topic", ["", "com example", "com.example.app\r\nx: y", "a" * 256])
def test_a_topic_is_a_bundle_id(topic: str) -> None:
    assert _refused({**TOKEN, "key": c.p8(), "topic": topic}) == ["/topic"]


def test_a_p12_becomes_open_pem_and_its_password_is_not_kept() -> None:
    settings = ApnsSettings.model_validate({**CERTIFIED, "certificate": c.p12("hush"), "password": "hush"})
    kept = settings.model_dump()
    assert "password" not in kept
    assert "BEGIN CERTIFICATE" in kept["certificate"]
    assert "BEGIN PRIVATE KEY" in kept["certificate"]
    assert ApnsSettings.model_validate(kept).identity == settings.identity
    assert settings.not_after == c.NOT_AFTER


@pytest.mark.parametrize("password", [None, "hush2"])
def test_a_p12_that_does_not_open_is_refused_by_name(password: str | None) -> None:
    assert _refused({**CERTIFIED, "certificate": c.p12("hush"), "password": password}) == ["/certificate"]


@pytest.mark.parametrize("password", ["hush", None])
def test_an_encrypted_pem_key_takes_its_password(password: str | None) -> None:
    text = c.certificate_pem() + c.pem(c.rsa_key(), b"hush")
    settings = {**CERTIFIED, "certificate": text, "password": password}
    if password is None:
        assert _refused(settings) == ["/certificate"]
    else:
        assert "ENCRYPTED" not in str(ApnsSettings.model_validate(settings).certificate)


@pytest.mark.parametrize(
    "text",
    ["hush", "", "aHVzaA==", c.certificate_pem(), c.pem(c.rsa_key()), c.certificate_pem() + c.p8()],
    ids=["text", "empty", "base64 of no p12", "no key", "no certificate", "another's key"],
)
def test_a_certificate_without_its_own_key_is_refused_by_name(text: str) -> None:
    assert _refused({**CERTIFIED, "certificate": text}) == ["/certificate"]


def test_a_certificate_for_the_other_environment_is_refused() -> None:
    text = c.certificate_pem(c.certificate(environment="2")) + c.pem(c.rsa_key())
    assert _refused({**CERTIFIED, "certificate": text}) == ["/certificate"]
    both = c.certificate_pem(c.certificate(environment="12")) + c.pem(c.rsa_key())
    assert ApnsSettings.model_validate({**CERTIFIED, "certificate": both}).by_token is False


def test_a_certificate_for_another_topic_is_refused_unless_it_lists_this_one() -> None:
    other = c.certificate_pem(c.certificate(uid="com.other")) + c.pem(c.rsa_key())
    assert _refused({**CERTIFIED, "certificate": other}) == ["/certificate"]
    listing = c.certificate(uid="com.other", topics=b"\x30\x11\x0c\x0f" + c.TOPIC.encode())
    text = c.certificate_pem(listing) + c.pem(c.rsa_key())
    assert ApnsSettings.model_validate({**CERTIFIED, "certificate": text}).certificate


def test_no_secret_is_in_a_representation(by_token: ApnsSettings, by_certificate: ApnsSettings) -> None:
    assert "PRIVATE KEY" not in repr(by_token) + repr(by_certificate)
    assert set(ApnsSettings.model_fields) >= ApnsSettings.SECRETS
    assert "PRIVATE KEY" not in repr(APNS.origin(by_certificate, ApnsEndpoints()))


def test_requests_go_to_the_environments_host(by_token: ApnsSettings, by_certificate: ApnsSettings) -> None:
    production, sandbox = APNS.origin(by_token, ApnsEndpoints()), APNS.origin(by_certificate, ApnsEndpoints())
    assert (production.host, production.port, production.warm_up) == ("api.push.apple.com", 443, True)
    assert (sandbox.host, sandbox.port, sandbox.warm_up) == ("api.sandbox.push.apple.com", 443, False)
    assert production.certificate is None
    assert sandbox.certificate is not None
    assert APNS.authorization_identity(by_certificate) is None
    moved = APNS.origin(by_token, ApnsEndpoints(apns_production_url="https://localhost:2197"))
    assert (moved.host, moved.port) == ("localhost", 2197)


def test_knowing_the_ids_of_a_key_shares_neither_its_authorization_nor_its_connection(by_token: ApnsSettings) -> None:
    theirs = ApnsSettings.model_validate({**TOKEN, "key": c.pem(ec.generate_private_key(ec.SECP256R1()))})
    assert APNS.authorization_identity(theirs) != APNS.authorization_identity(by_token)
    assert APNS.origin(theirs, ApnsEndpoints()) != APNS.origin(by_token, ApnsEndpoints())


def test_variants_of_one_key_share_both(by_token: ApnsSettings) -> None:
    second = ApnsSettings.model_validate({**TOKEN, "key": c.p8(), "topic": "com.example.other"})
    assert APNS.origin(second, ApnsEndpoints()) == APNS.origin(by_token, ApnsEndpoints())


@pytest.mark.parametrize("url", ["http://x", "https://", "https://u:p@x", "https://x:99999", "x", "https://x?y"])
def test_an_operators_address_is_https_and_a_host(url: str) -> None:
    with pytest.raises(ValidationError):
        ApnsEndpoints(apns_production_url=url)
