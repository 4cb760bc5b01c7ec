"""Makes credentials as Apple and Google hand them out, and their public halves for the simulators. Nothing real."""

import json
import secrets
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

BUNDLE: Final = "com.example.bells"
PROJECT: Final = "bells-rehearsal"
ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
RSA_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class AppleKey:
    """An APNs token signing key, as downloaded from Apple's developer portal once."""

    key_id: str
    team_id: str
    p8: str
    public_key: str


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A Firebase service account: `file` is the JSON that Google's console hands out."""

    file: str
    client_email: str
    private_key_id: str
    public_key: str


def apple_key() -> AppleKey:
    key = ec.generate_private_key(ec.SECP256R1())
    return AppleKey(_name(10), _name(10), _private(key), _public(key))


def service_account() -> ServiceAccount:
    key = rsa.generate_private_key(65537, RSA_BITS)
    email = f"carillon@{PROJECT}.iam.gserviceaccount.com"
    key_id = secrets.token_hex(20)
    fields: dict[str, Any] = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": key_id,
        "private_key": _private(key),
        "client_email": email,
        "client_id": "100000000000000000001",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return ServiceAccount(json.dumps(fields, indent=2), email, key_id, _public(key))


def _private(key: PrivateKeyTypes) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _name(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
