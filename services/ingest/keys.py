"""Who asks: the operator by the admin key, a backend by an app secret, an app on a device by a client secret.

A secret that was verified is believed for some seconds, so that the store is not asked for every request. A rotation
leaves the secret before it valid anyway, so nothing that was revoked lives longer than this.
"""

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Literal

from services.ingest.problems import refused
from shared.store.apps import Apps

KeyKind = Literal["admin", "app", "client"]
BELIEVED: Final = timedelta(seconds=10)
REMEMBERED: Final = 10_000
"""Secrets that are remembered at once."""
SCHEME: Final = "bearer"
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="carillon"'}


def as_bearer(authorization: str | None) -> str | None:
    """HTTP Basic (RFC 7617) with the key as password, whoever the user, as Bearer; anything else as it is."""
    scheme, _, told = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return authorization
    try:
        return f"Bearer {base64.b64decode(told, validate=True).decode().partition(':')[2]}"
    except ValueError:
        return None


def user_of(authorization: str | None) -> str:
    """The user of HTTP Basic, whom `as_bearer` leaves out; empty for anything else."""
    scheme, _, told = (authorization or "").partition(" ")
    try:
        return base64.b64decode(told, validate=True).decode().partition(":")[0] if scheme.lower() == "basic" else ""
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class Key:
    """Whom a key speaks for; `app` is empty for the operator."""

    kind: KeyKind
    app: str = ""


class Keys:
    """Lives as long as the process. `monotonic` gives seconds."""

    def __init__(self, apps: Apps, admin_key: str, monotonic: Callable[[], float]) -> None:
        self._apps = apps
        self._pepper = secrets.token_bytes(32)
        self._admin = self._hash(admin_key)
        self._monotonic = monotonic
        self._known: OrderedDict[bytes, tuple[Key, float]] = OrderedDict()

    async def who(self, authorization: str | None) -> Key:
        """Whom the header's key speaks for. Raises `Refused` (401)."""
        scheme, _, secret = (authorization or "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != SCHEME or not secret:
            raise refused(HTTPStatus.UNAUTHORIZED, "this needs an Authorization: Bearer <key>", headers=CHALLENGE)
        hashed = self._hash(secret)
        if hmac.compare_digest(hashed, self._admin):
            return Key("admin")
        key = self._remembered(hashed) or await self._verified(secret, hashed)
        if key is None:
            raise refused(HTTPStatus.UNAUTHORIZED, "the key is not known", headers=CHALLENGE)
        return key

    def forget(self, app: str) -> None:
        """Asks the store again for every secret of this app."""
        for hashed in [hashed for hashed, (key, _) in self._known.items() if key.app == app]:
            del self._known[hashed]

    def _remembered(self, hashed: bytes) -> Key | None:
        """Looking a keyed hash up tells nothing by its time: who does not know the pepper cannot steer it."""
        key, until = self._known.get(hashed, (None, 0.0))
        return key if until > self._monotonic() else None

    async def _verified(self, secret: str, hashed: bytes) -> Key | None:
        found = await self._apps.verify(secret)
        if found is None:
            return None
        app, kind = found
        self._known[hashed] = Key(kind, app), self._monotonic() + BELIEVED.total_seconds()
        self._known.move_to_end(hashed)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return Key(kind, app)

    def _hash(self, secret: str) -> bytes:
        return hashlib.blake2b(secret.encode(), key=self._pepper, digest_size=32).digest()
