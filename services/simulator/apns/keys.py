"""The teams' signing keys, and whether a provider token was signed with one of them."""

from __future__ import annotations

import base64
import binascii
import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field, field_validator

from services.simulator.knobs import Knob

KEEP_VERIFIED = 1000  # tokens; a signature costs 0.1 ms to check
HALF = 32  # bytes of R and of S (RFC 7518 section 3.4)

Environment = Literal["production", "sandbox"]


class Key(Knob):
    """A key as the developer portal knows it."""

    key_id: str = Field(min_length=1)
    team_id: str = Field(min_length=1)
    public_key: str  # PEM
    topics: tuple[str, ...] = ()  # bundle ids; empty: every app of the team
    environment: Environment | None = None  # None: an older key, good for both
    kind: Literal["team", "topic"] = "team"

    @field_validator("public_key")
    @classmethod
    def _is_p256(cls, pem: str) -> str:
        _load(pem)
        return pem

    def allows(self, bundle: str) -> bool:
        """Whether this key may push to an app."""
        return not self.topics or bundle in self.topics


@dataclass(frozen=True, slots=True)
class Signed:
    """A provider token whose signature, key and issuer are right."""

    text: str
    key: Key
    issued_at: datetime


class Keys:
    """All registered keys. Both environments share them."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._verified: OrderedDict[str, Signed] = OrderedDict()

    def register(self, key: Key) -> None:
        """Add a key, or replace the one of the same id."""
        self.revoke(key.key_id)
        self._keys[key.key_id] = key

    def revoke(self, key_id: str) -> None:
        """Forget a key; tokens signed with it are invalid from now on."""
        self._keys.pop(key_id, None)
        self._verified.clear()

    def listed(self) -> list[dict[str, Any]]:
        """All keys."""
        return [key.model_dump(mode="json") for key in self._keys.values()]

    def clear(self) -> None:
        """Forget all."""
        self._keys.clear()
        self._verified.clear()

    def read(self, text: str) -> Signed | None:
        """The token with its key, or None if anything about it is wrong (but its age, which is not looked at)."""
        known = self._verified.get(text)
        if known is None:
            known = self._verify(text)
            if known is not None:
                self._verified[text] = known
                if len(self._verified) > KEEP_VERIFIED:
                    self._verified.popitem(last=False)
        return known

    def _verify(self, text: str) -> Signed | None:
        try:
            head, claims, signature = text.split(".")
            header, body = _json(head), _json(claims)
            key = self._keys[header["kid"]]
            issued = body["iat"]
            if header["alg"] != "ES256" or body["iss"] != key.team_id or type(issued) is not int:
                return None
            raw = _unpadded(signature)
            if len(raw) != 2 * HALF:
                return None  # a DER signature, say
            both = encode_dss_signature(int.from_bytes(raw[:HALF], "big"), int.from_bytes(raw[HALF:], "big"))
            _load(key.public_key).verify(both, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
            return Signed(text, key, datetime.fromtimestamp(issued, UTC))
        except (ValueError, KeyError, TypeError, OverflowError, OSError, InvalidSignature):
            return None


def claims_of(text: str) -> dict[str, Any]:
    """What a token says of itself, unverified: for the log."""
    try:
        head, claims, _ = text.split(".")
        return {"kid": _json(head).get("kid"), "iss": _json(claims).get("iss"), "iat": _json(claims).get("iat")}
    except ValueError:
        return {}


def _json(part: str) -> dict[str, Any]:
    parsed = json.loads(_unpadded(part))
    if not isinstance(parsed, dict):
        raise TypeError("a JWT part is an object")
    return parsed


def _unpadded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("no base64url") from error


def _load(pem: str) -> ec.EllipticCurvePublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a public key on P-256")  # noqa: TRY004  pydantic reports ValueError only
    return key
