"""The TLS side of a provider connection, the same for every transport."""

import os
import ssl
import tempfile
from pathlib import Path

from shared.flow.verdict import ConnectionTrouble
from shared.providers.contract import Origin


def client_context(origin: Origin, ca_file: Path | None, *alpn: str) -> ssl.SSLContext:
    """Verifies the peer; presents the variant's certificate if it has one. TLS 1.2 and later."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(alpn))
    if origin.certificate is not None:
        _present(context, origin.certificate)
    return context


def _present(context: ssl.SSLContext, certificate: bytes) -> None:
    """`load_cert_chain` reads files only: the key is on disk for that moment, readable by this user alone."""
    handle, name = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(certificate)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()


def trouble(error: BaseException) -> ConnectionTrouble:
    """What a failed connect means to the retry policy; looks through the errors that a library wraps it in."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return ConnectionTrouble.PEER_NOT_TRUSTED
        if isinstance(seen, ssl.SSLError) and "ALERT" in str(seen).upper():
            return ConnectionTrouble.CERTIFICATE_REFUSED
        if isinstance(seen, NoHttp2Error):
            return ConnectionTrouble.PEER_NOT_TRUSTED
        seen = seen.__cause__ or seen.__context__
    return ConnectionTrouble.UNREACHABLE


class NoHttp2Error(ConnectionError):
    """The peer did not select `h2` by ALPN: a middlebox, or the wrong host. Never downgraded."""
