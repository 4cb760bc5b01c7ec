"""Credentials that no provider ever saw, made when first asked for."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Settings = dict[str, object]


@cache
def signing_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def account_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def apns(topic: str = "com.example.bells") -> Settings:
    return {
        "environment": "sandbox", "topic": topic,
        "key": signing_key(), "key_id": "ABC1234567", "team_id": "DEF7654321",
    }  # fmt: skip


def fcm(project: str = "example-bells") -> Settings:
    return {
        "service_account": {
            "type": "service_account",
            "project_id": project,
            "client_email": f"bells@{project}.iam.gserviceaccount.com",
            "private_key": account_key(),
        }
    }
