"""What a client certificate lets its holder do: environments and topics, read from Apple's extensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

ENVIRONMENT_OIDS = {  # the protocol reference, A.7
    ObjectIdentifier("1.2.840.113635.100.6.3.1"): "sandbox",
    ObjectIdentifier("1.2.840.113635.100.6.3.2"): "production",
}
TOPICS_OID = ObjectIdentifier("1.2.840.113635.100.6.3.6")
COVERED = ("", ".voip", ".complication")  # topics of a certificate that lists none
UTF8_STRING, LONG_FORM = 0x0C, 0x80  # X.690


@dataclass(frozen=True, slots=True)
class Certificate:
    """A push certificate. `bundle` is its subject's UID."""

    bundle: str
    environments: frozenset[str]
    listed: tuple[str, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it may push to."""
        return self.listed or tuple(f"{self.bundle}{suffix}" for suffix in COVERED)

    @property
    def default_topic(self) -> str | None:
        """The topic of a request that names none: the UID, if the certificate has only that one."""
        return self.bundle if self.listed in ((), (self.bundle,)) else None


def read(der: bytes) -> Certificate | None:
    """A push certificate, or None if it is some other kind."""
    certificate = x509.load_der_x509_certificate(der)
    uids = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    extensions = {extension.oid: extension.value for extension in certificate.extensions}
    environments = frozenset(name for oid, name in ENVIRONMENT_OIDS.items() if oid in extensions)
    if not uids or not environments:
        return None
    listed = extensions.get(TOPICS_OID)
    topics = tuple(_strings(listed.value)) if isinstance(listed, x509.UnrecognizedExtension) else ()
    return Certificate(str(uids[0].value), environments, topics)


def _strings(der: bytes) -> Iterator[str]:
    """The UTF-8 strings directly inside a DER sequence."""
    _, content, _ = _element(der)
    while content:
        tag, value, content = _element(content)
        if tag == UTF8_STRING:
            yield value.decode()


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows."""
    size, start = der[1], 2
    if size & LONG_FORM:
        start += size & ~LONG_FORM
        size = int.from_bytes(der[2:start], "big")
    return der[0], der[start : start + size], der[start + size :]
