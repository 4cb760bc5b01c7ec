"""Signs the provider tokens of APNs (Apple, Establishing a token-based connection to APNs)."""

import base64
from datetime import datetime, timedelta
from typing import Final

from shared.providers.apns.certificate import es256
from shared.providers.apns.settings import ApnsSettings
from shared.providers.body import compact
from shared.providers.contract import Authorization, AuthorizationRefused

LIFE: Final = timedelta(minutes=60)
"""Older tokens are refused: ExpiredProviderToken."""
REFRESH: Final = timedelta(minutes=50)
LEAST_BETWEEN: Final = timedelta(minutes=20)
"""More often than this is refused: TooManyProviderTokenUpdates."""


def authorization(settings: ApnsSettings, now: datetime) -> Authorization:
    """A token signed now. Raises `AuthorizationRefused` for a variant that authenticates with a certificate."""
    if settings.key is None:
        raise AuthorizationRefused("certificate_variant", permanent=True)
    issued = now.replace(microsecond=0)
    return Authorization(f"bearer {_jwt(settings, settings.key, issued)}", issued, issued + REFRESH, issued + LIFE)


def _jwt(settings: ApnsSettings, key: str, issued: datetime) -> str:
    header = _base64(compact({"alg": "ES256", "kid": settings.key_id}))
    claims = _base64(compact({"iss": settings.team_id, "iat": int(issued.timestamp())}))
    signed = header + b"." + claims
    return (signed + b"." + _base64(es256(key, signed))).decode()


def _base64(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
