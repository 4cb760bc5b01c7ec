"""Judges the signed assertion of a service account (RFC 7523) and answers as Google's token endpoint does.

Source: the protocol reference, B.1 and F1. Pure: keys, time and audience are told.
"""

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from services.simulator.fcm.project import ServiceAccount

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = "https://oauth2.googleapis.com/token"
LIFE_LIMIT = 3600  # seconds; exp ≤ iat + 3600
SCOPE_PREFIX = "https://www.googleapis.com/auth/"
SHORT_LIVED = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


@dataclass(frozen=True, slots=True)
class Grant:
    """An assertion that holds: whose, and for which scopes."""

    account: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class OAuthRefusal:
    """The token endpoint's own error format (RFC 6749 section 5.2), not google.rpc's."""

    error: str
    description: str
    status: int = 400

    def body(self) -> bytes:
        return json.dumps({"error": self.error, "error_description": self.description}, indent=2).encode()


class Malformed(ValueError):  # noqa: N818  (it is about the assertion)
    """Not a JWT."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the endpoint goes by. `now` in seconds since the epoch; `skew` in seconds, for clocks that run ahead."""

    now: float
    audiences: Collection[str] = (AUDIENCE,)
    skew: float = 300.0


def judge(form: Mapping[str, str], accounts: Mapping[str, ServiceAccount], rules: Rules) -> Grant | OAuthRefusal:
    """The form as posted, by field."""
    if (wrong := _form(form)) is not None:
        return wrong
    try:
        header, claims, signed, signature = _split(form["assertion"])
    except Malformed:
        return OAuthRefusal("invalid_grant", "Bad Request")
    account = accounts.get(str(claims.get("iss")))
    if account is None:
        return OAuthRefusal("invalid_grant", "Invalid grant: account not found")
    if header.get("alg") != "RS256" or not _signed(account.key(header.get("kid")), signed, signature):
        return OAuthRefusal("invalid_grant", "Invalid JWT Signature.")
    return _claims(claims, rules) or Grant(account.client_email, frozenset(str(claims["scope"]).split()))


def _form(form: Mapping[str, str]) -> OAuthRefusal | None:
    for name in ("grant_type", "assertion"):
        if not form.get(name):
            return OAuthRefusal("invalid_request", f"Missing required parameter: {name}")
    if form["grant_type"] != GRANT_TYPE:
        return OAuthRefusal("unsupported_grant_type", f"Invalid grant_type: {form['grant_type']}")
    return None


def claims_of(assertion: str) -> dict[str, Any]:
    """For the log: what the assertion claims, true or not; empty for what is no JWT."""
    try:
        header, claims, _, _ = _split(assertion)
    except Malformed:
        return {}
    return {"kid": header.get("kid"), **claims}


def _claims(claims: Mapping[str, Any], rules: Rules) -> OAuthRefusal | None:
    if claims.get("aud") not in rules.audiences:
        return OAuthRefusal("invalid_grant", f"Invalid JWT: Failed audience check. The right audience is {AUDIENCE}")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not _short_lived(issued, expires, rules):
        return OAuthRefusal("invalid_grant", SHORT_LIVED)
    scopes = str(claims.get("scope") or "").split()
    if not scopes:
        return OAuthRefusal("invalid_scope", "Empty or missing scope not allowed.")
    if not all(scope.startswith(SCOPE_PREFIX) for scope in scopes):
        return OAuthRefusal("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    return None


def _short_lived(issued: object, expires: object, rules: Rules) -> bool:
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        return False
    return issued - rules.skew <= rules.now < expires + rules.skew and 0 < expires - issued <= LIFE_LIMIT


def _split(assertion: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    parts = assertion.split(".")
    if len(parts) != 3:  # noqa: PLR2004  header, claims, signature (RFC 7515 section 7.1)
        raise Malformed
    try:
        header, claims = (json.loads(_decoded(part)) for part in parts[:2])
        signature = _decoded(parts[2])
    except ValueError:
        raise Malformed from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Malformed
    return header, claims, f"{parts[0]}.{parts[1]}".encode(), signature


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _signed(pem: str | None, signed: bytes, signature: bytes) -> bool:
    key = load_pem_public_key(pem.encode()) if pem else None
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
