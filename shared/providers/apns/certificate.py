"""Reads Apple's push certificates and signing keys; the only file here that knows the cryptography library."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID, ObjectIdentifier

_APPLE: Final = "1.2.840.113635.100.6.3."
"""Apple, Establishing a certificate-based connection to APNs."""
_ENVIRONMENTS: Final = {"sandbox": ObjectIdentifier(_APPLE + "1"), "production": ObjectIdentifier(_APPLE + "2")}
_TOPICS: Final = (ObjectIdentifier(_APPLE + "6"), ObjectIdentifier(_APPLE + "4"))


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A push certificate with its private key as one unencrypted PEM text, and what it says about itself."""

    pem: str
    not_after: datetime
    fingerprint: str
    environments: frozenset[str]
    """Empty if the certificate does not say."""
    uid: str | None
    topics: bytes
    """Apple's list of topics as it stands in the certificate."""

    def serves(self, topic: str) -> bool:
        """Whether it may push to the topic, as far as it says."""
        listed = topic.encode() in self.topics
        return listed or (self.uid is None and not self.topics) or self.uid == topic


def signing_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """The key of a `.p8` file. Raises `ValueError` if it is not a P-256 private key."""
    key = _private_key(pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        message = "not an elliptic curve key on P-256, as Apple's .p8 files hold"
        raise ValueError(message)  # noqa: TRY004  # what a validator has to raise
    return key


def es256(pem: str, message: bytes) -> bytes:
    """The ES256 signature as JWTs want it: R and S of 32 bytes each, not DER (RFC 7518, section 3.4)."""
    return raw_signature(signing_key(pem).sign(message, ec.ECDSA(hashes.SHA256())))


def raw_signature(der: bytes) -> bytes:
    """R and S padded to 32 bytes each; once in 128 signatures one of them is shorter."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def client_certificate(text: str, password: str | None) -> ClientCertificate:
    """The certificate of PEM text with its key, or of a base64 `.p12`. Raises `ValueError`."""
    secret = password.encode() if password else None
    key, chain = _from_pem(text.encode(), secret) if "-----BEGIN" in text else _from_p12(text, secret)
    own = [one for one in chain if _public(one.public_key()) == _public(key.public_key())]
    if not own:
        message = "the private key belongs to none of the certificates"
        raise ValueError(message)
    ordered = [own[0], *(one for one in chain if one is not own[0])]
    return ClientCertificate(
        pem=_pem(ordered, key),
        not_after=own[0].not_valid_after_utc,
        fingerprint=hashlib.sha256(own[0].public_bytes(serialization.Encoding.DER)).hexdigest(),
        environments=frozenset(name for name, oid in _ENVIRONMENTS.items() if _extension(own[0], oid) is not None),
        uid=next((str(one.value) for one in own[0].subject.get_attributes_for_oid(NameOID.USER_ID)), None),
        topics=b"".join(_extension(own[0], oid) or b"" for oid in _TOPICS),
    )


def _from_pem(text: bytes, password: bytes | None) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    try:
        chain = x509.load_pem_x509_certificates(text)
    except ValueError:
        message = "holds no readable certificate"
        raise ValueError(message) from None
    return _private_key(text, password), chain


def _from_p12(text: str, password: bytes | None) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(base64.b64decode(text, validate=True), password)
    except binascii.Error:
        message = "neither PEM text nor base64 of a .p12 file"
        raise ValueError(message) from None
    except ValueError:
        message = "not a .p12 file, or the password does not open it"
        raise ValueError(message) from None
    if key is None or certificate is None:
        message = "the .p12 file lacks the certificate or its private key"
        raise ValueError(message)
    return key, [certificate, *others]


def _private_key(text: bytes, password: bytes | None) -> PrivateKeyTypes:
    start = text.find(b"-----BEGIN", 0)
    while start >= 0 and b"PRIVATE KEY-----" not in text[start : start + 40]:
        start = text.find(b"-----BEGIN", start + 1)
    block = text[start:] if start >= 0 else text
    try:
        return serialization.load_pem_private_key(block, password)
    except TypeError:  # a password for a key that has none, or none for one that has
        return _without_password(block)
    except Exception:  # noqa: BLE001  # whatever the library says of somebody's bytes (UnsupportedAlgorithm, ValueError)
        message = "holds no readable private key, or the password does not open it"
        raise ValueError(message) from None


def _without_password(block: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(block, None)
    except TypeError:
        message = "the private key needs a password"
        raise ValueError(message) from None


def _public(key: object) -> bytes:
    der, info = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(der, info)  # type: ignore[attr-defined, no-any-return]  # every public key has it


def _pem(chain: list[x509.Certificate], key: PrivateKeyTypes) -> str:
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return b"".join([*(one.public_bytes(pem) for one in chain), private]).decode()


def _extension(certificate: x509.Certificate, oid: ObjectIdentifier) -> bytes | None:
    try:
        value = certificate.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None
    return value.value if isinstance(value, x509.UnrecognizedExtension) else b""
