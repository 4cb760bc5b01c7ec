"""Makes the simulator's certificate authority, the servers' certificates, and client certificates like Apple's."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

LIFE = timedelta(days=365)
# Apple's extensions of push certificates (the protocol reference, A.7)
DEVELOPMENT = ObjectIdentifier("1.2.840.113635.100.6.3.1")
PRODUCTION = ObjectIdentifier("1.2.840.113635.100.6.3.2")
TOPICS = ObjectIdentifier("1.2.840.113635.100.6.3.6")
NULL = b"\x05\x00"  # DER


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its private key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority that lives as long as the process; its key is never written."""

    def __init__(self, hosts: Sequence[str] = ("localhost", "127.0.0.1", "::1")) -> None:
        self._hosts = hosts
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Carillon simulator CA")
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        draft = _draft(self._name, self._name, self._key.public_key())
        draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        draft = draft.add_extension(usage, critical=True)
        draft = draft.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        self._certificate = draft.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """The authority's certificate: what a client must trust."""
        return self._certificate.public_bytes(Encoding.PEM)

    def write(self, path: Path) -> None:
        """Put the authority's certificate where clients read it; readers never see half a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_bytes(self.pem)
        fresh.replace(path)

    def server_context(self, alpn: Sequence[str], *, client_certificates: bool = False) -> ssl.SSLContext:
        """TLS ≥ 1.2 for a listener. With `client_certificates`, those of this authority are asked for and taken."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(list(alpn))
        _load(context, self.issue(_name("Carillon simulator"), _alternatives(self._hosts)))
        if client_certificates:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=self.pem.decode())
        return context

    def client_context(self, alpn: Sequence[str] = ("h2",), pair: Pair | None = None) -> ssl.SSLContext:
        """What a test client needs: trust in this authority, and its own certificate if it has one."""
        context = ssl.create_default_context(cadata=self.pem.decode())
        context.set_alpn_protocols(list(alpn))
        if pair is not None:
            _load(context, pair)
        return context

    def push_certificate(
        self, bundle: str, *, environments: Sequence[str] = ("production",), topics: Sequence[str] = ()
    ) -> Pair:
        """A client certificate as Apple issues them: the bundle as UID, environments and topics as extensions."""
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, bundle),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {bundle}"),
            ]
        )
        oids = {"sandbox": DEVELOPMENT, "production": PRODUCTION}
        extensions: list[x509.ExtensionType] = [x509.UnrecognizedExtension(oids[name], NULL) for name in environments]
        if topics:
            extensions.append(x509.UnrecognizedExtension(TOPICS, _topic_list(topics)))
        return self.issue(subject, *extensions)

    def issue(self, subject: x509.Name, *extensions: x509.ExtensionType) -> Pair:
        """Sign a certificate for a new key."""
        key = ec.generate_private_key(ec.SECP256R1())
        draft = _draft(subject, self._name, key.public_key())
        draft = draft.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        for extension in extensions:
            draft = draft.add_extension(extension, critical=False)
        certificate = draft.sign(self._key, hashes.SHA256())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Pair(certificate.public_bytes(Encoding.PEM), pem)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _draft(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    draft = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    draft = draft.serial_number(x509.random_serial_number())
    return draft.not_valid_before(now - timedelta(days=1)).not_valid_after(now + LIFE)


def _alternatives(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(host) for host in hosts])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _load(context: ssl.SSLContext, pair: Pair) -> None:
    """OpenSSL reads chains from files only."""
    with tempfile.NamedTemporaryFile() as file:  # mode 0600
        file.write(pair.certificate + pair.key)
        file.flush()
        context.load_cert_chain(file.name)


def _topic_list(topics: Sequence[str]) -> bytes:
    """A DER sequence of topics, each followed by a sequence with its kind ("app", "voip", …)."""
    kinds = (topic.rsplit(".", 1)[-1] if topic.endswith((".voip", ".complication")) else "app" for topic in topics)
    pairs = zip(topics, kinds, strict=True)
    return _der(
        0x30, b"".join(_der(0x0C, topic.encode()) + _der(0x30, _der(0x0C, kind.encode())) for topic, kind in pairs)
    )


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:  # noqa: PLR2004  X.690 8.1.3: the short form of a length
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
