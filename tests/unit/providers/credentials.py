"""Keys and certificates for tests, made once per run; nobody trusts them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID, ObjectIdentifier

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
NOT_AFTER = datetime(2031, 1, 1, tzinfo=UTC)
TOPIC = "com.example.app"
APPLE = "1.2.840.113635.100.6.3."


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: Any, password: bytes | None = None) -> str:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    text: bytes = key.private_bytes(PEM, PKCS8, how)
    return text.decode()


def p8() -> str:
    return pem(ec_key())


@cache
def certificate(uid: str | None = TOPIC, environment: str = "", topics: bytes = b"") -> x509.Certificate:
    """Self-signed; `environment` is the last digit of Apple's OID."""
    named = [x509.NameAttribute(NameOID.COMMON_NAME, "Apple Push Services: test")]
    named += [x509.NameAttribute(NameOID.USER_ID, uid)] if uid else []
    name = x509.Name(named)
    building = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(rsa_key().public_key())
    building = building.serial_number(7).not_valid_before(NOT_AFTER - timedelta(days=365)).not_valid_after(NOT_AFTER)
    extensions = [(digit, b"\x05\x00") for digit in environment] + ([("6", topics)] if topics else [])
    for digit, value in extensions:
        extension = x509.UnrecognizedExtension(ObjectIdentifier(APPLE + digit), value)
        building = building.add_extension(extension, critical=False)
    return building.sign(rsa_key(), hashes.SHA256())


def certificate_pem(one: x509.Certificate | None = None) -> str:
    return (one or certificate()).public_bytes(PEM).decode()


def p12(password: str) -> str:
    how = serialization.BestAvailableEncryption(password.encode())
    return base64.b64encode(pkcs12.serialize_key_and_certificates(b"x", rsa_key(), certificate(), None, how)).decode()


def service_account(**changes: Any) -> dict[str, Any]:
    return {
        "type": "service_account",
        "project_id": "bells-and-co",
        "private_key_id": "k1",
        "private_key": pem(rsa_key()),
        "client_email": "sender@bells-and-co.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://evil.example/token",
        "auth_uri": "https://evil.example/auth",
        **changes,
    }


def service_account_text() -> str:
    return json.dumps(service_account())
