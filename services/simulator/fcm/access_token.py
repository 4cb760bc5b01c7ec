"""The access tokens that the token endpoint gave out, and what each still allows."""

import secrets
from dataclasses import dataclass

from services.simulator.fcm.assertion import Grant

LIFE = 3599  # seconds, as Google says


@dataclass(frozen=True, slots=True)
class Bearer:
    grant: Grant
    expires_at: float  # simulated seconds since the epoch


class AccessTokens:
    """Lives as long as the simulator. A revoked or expired token is as good as an unknown one."""

    def __init__(self) -> None:
        self._bearers: dict[str, Bearer] = {}

    def issue(self, grant: Grant, now: float, life: float) -> str:
        token = f"ya29.c.{secrets.token_urlsafe(96)}"
        self._bearers[token] = Bearer(grant, now + life)
        return token

    def look(self, token: str, now: float) -> Bearer | None:
        bearer = self._bearers.get(token)
        return bearer if bearer is not None and now < bearer.expires_at else None

    def revoke(self, account: str | None = None) -> int:
        """All of one account, or all there are; how many."""
        gone = [token for token, bearer in self._bearers.items() if account in (None, bearer.grant.account)]
        for token in gone:
            del self._bearers[token]
        return len(gone)
