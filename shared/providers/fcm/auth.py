"""Turns a service account into an access token (RFC 7523; Google, OAuth 2.0 for server to server applications)."""

import json
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from shared.flow.verdict import Answer, NotProcessed, Outcome, OutcomeUnknown
from shared.providers.contract import Authorization, AuthorizationRefused, Form, Post
from shared.providers.fcm.assertion import signed
from shared.providers.fcm.settings import FcmEndpoints, FcmSettings
from shared.providers.reason import bounded

AUDIENCE: Final = "https://oauth2.googleapis.com/token"
"""Google's name for itself, whatever address the operator reaches it under, and never the key file's `token_uri`."""
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFE: Final = timedelta(hours=1)
REFRESH_AT: Final = 0.75
"""Of a token's life; and 5 minutes before its end at the latest."""
LEAST_LEFT: Final = timedelta(minutes=5)
LEAST_BETWEEN: Final = timedelta(minutes=1)
_LONGEST_LIFE: Final = 86_400
_OK: Final = 200


async def authorization(settings: FcmSettings, endpoints: FcmEndpoints, now: datetime, post: Post) -> Authorization:
    """A new access token. Raises `AuthorizationRefused`."""
    form = Form(endpoints.fcm_token_url, {"grant_type": GRANT, "assertion": _assertion(settings, now)})
    said = _granted(await post(form))
    token, life = said.get("access_token"), said.get("expires_in")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise AuthorizationRefused("token_answer_unreadable", permanent=False)
    if not isinstance(life, int) or isinstance(life, bool) or life <= 0:
        raise AuthorizationRefused("token_answer_unreadable", permanent=False)
    return _living(token, timedelta(seconds=min(life, _LONGEST_LIFE)), now)


def _living(token: str, life: timedelta, now: datetime) -> Authorization:
    refresh = min(life * REFRESH_AT, max(life - LEAST_LEFT, life / 2))
    return Authorization(f"Bearer {token}", now, now + refresh, now + life)


def _assertion(settings: FcmSettings, now: datetime) -> str:
    account, issued = settings.service_account, int(now.timestamp())
    claims = {
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": AUDIENCE,
        "iat": issued,
        "exp": issued + int(ASSERTION_LIFE.total_seconds()),
    }
    return signed(account.private_key, account.private_key_id, claims)


def _granted(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Answer():
            said = _json(outcome.body)
            if outcome.status == _OK:
                return said
            error = said.get("error")
            reason = bounded(error) if isinstance(error, str) and error else f"HTTP_{outcome.status}"
            # RFC 6749, section 5.2: refusals are 400 or 401 and name an error. The rest is the way there.
            permanent = outcome.status in (400, 401) and isinstance(error, str)
            raise AuthorizationRefused(reason, permanent=permanent)
        case NotProcessed() | OutcomeUnknown():
            raise AuthorizationRefused(bounded(outcome.reason), permanent=False)
        case _:
            assert_never(outcome)


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
