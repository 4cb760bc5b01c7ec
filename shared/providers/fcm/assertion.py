"""Signs with a service account's key; the only file that knows google-auth."""

from collections.abc import Mapping
from typing import Any

from google.auth import crypt, jwt


def key_unfit(private_key: str) -> str | None:
    """Why the text is no key to sign with, or None: it is tried, as google-auth reads keys of other kinds too."""
    try:
        crypt.RSASigner.from_string(private_key).sign(b"")  # type: ignore[no-untyped-call]  # typed in part
    except Exception:  # noqa: BLE001  # whatever the library says of somebody's text; it may repeat it
        return "not an RSA private key in PEM"
    return None


def signed(private_key: str, key_id: str | None, claims: Mapping[str, Any]) -> str:
    """The claims as a JWT with an RS256 signature."""
    signer = crypt.RSASigner.from_string(private_key, key_id)  # type: ignore[no-untyped-call]  # typed in part
    token: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]  # typed in part
    return token.decode()
