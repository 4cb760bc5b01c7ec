"""IBM Cloud's bearer tokens: an HMAC over app and expiry, keyed with the app secret that was given for it.

Every replica verifies it with what the store keeps of the app's secrets, and a secret that is no longer valid makes no
valid token either. Pure, but for the question to the store.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from shared.flow.identity import APP_ID

PREFIX: Final = "ibm"
LIFE: Final = timedelta(hours=1)
"""As IBM Cloud's."""
_EXPIRES: Final = re.compile(r"[0-9]{1,12}")


class Signed(Protocol):
    """Verifies with the secrets of an app."""

    async def signed(self, app: str, body: bytes, signature: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Token:
    """One token, as it is read; whether it is true is another question."""

    app: str
    expires: int
    signature: str

    @property
    def body(self) -> bytes:
        """What is signed: no command over AMQP, which is signed with the same key, begins so."""
        return f"{PREFIX}-token|{self.app}|{self.expires}".encode()

    def __str__(self) -> str:
        return f"{PREFIX}.{self.app}.{self.expires}.{self.signature}"


def grant(app: str, secret: str, now: datetime) -> Token:
    """A token for the app whose secret this is."""
    blank = Token(app, int((now + LIFE).timestamp()), "")
    key = hashlib.sha256(secret.encode()).digest()
    return Token(app, blank.expires, hmac.digest(key, blank.body, hashlib.sha256).hex())


def read(text: str) -> Token | None:
    """The token in an `Authorization: Bearer`, or None if it is none of these."""
    kind, *rest = text.split(".")
    if kind != PREFIX or len(rest) != len(("app", "expires", "signature")):
        return None
    app, expires, signature = rest
    if APP_ID.fullmatch(app) is None or _EXPIRES.fullmatch(expires) is None:
        return None
    return Token(app, int(expires), signature)


async def app_of(text: str, secrets: Signed, now: datetime) -> str | None:
    """The app that a token speaks for; None if it is expired, or was made with no valid secret."""
    token = read(text)
    if token is None or token.expires <= now.timestamp():
        return None
    return token.app if await secrets.signed(token.app, token.body, token.signature) else None
