"""The tokens of one APNs environment: whose they are, whether they live, and what is scripted for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

from pydantic import Field, field_validator

from services.simulator.apns.keys import Environment
from services.simulator.apns.topics import PUSH_TYPES
from services.simulator.knobs import Knob

# Apple tells providers not to assume a length; up to 100 bytes has been mentioned.
_TOKEN = re.compile(r"(?:[0-9a-f]{2}){1,100}")


class Token(Knob):
    """One registry entry, as it is imported and exported."""

    token: str
    bundle: str = Field(min_length=1)
    environment: Environment = "production"
    state: Literal["active", "unregistered", "expired"] = "active"
    since: int | None = None  # ms since 1970, of the state; absent: when it was imported
    online: bool = True
    team: str | None = None  # the app's team; None: any
    types: tuple[str, ...] = ()  # the push types this token is for; empty: all

    @field_validator("token")
    @classmethod
    def _is_hex(cls, value: str) -> str:
        if not well_formed(value.lower()):
            raise ValueError("a device token is 1 to 100 bytes in hex")
        return value.lower()

    @field_validator("types")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in PUSH_TYPES]:
            raise ValueError(f"unknown push types: {', '.join(unknown)}")
        return value

    @property
    def gone_since(self) -> datetime:
        """When the state began."""
        return datetime.fromtimestamp((self.since or 0) / 1000, UTC)

    def takes(self, bundle: str, push_type: str) -> bool:
        """Whether a notification for this app and push type is for this token."""
        return self.bundle == bundle and (not self.types or push_type in self.types)

    def known_gone(self, now: datetime, delay: timedelta) -> bool:
        """Whether APNs admits by now that the token is dead; it does so late, and not after the same time for all."""
        if self.state == "active":
            return False
        share = Random(self.token).random()  # noqa: S311  the same token waits the same time in every run
        return now >= self.gone_since + delay * share


class Registry:
    """The tokens of one environment."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    def put(self, entry: Token, now: datetime) -> Token:
        """Add or replace a token."""
        dated = entry if entry.since is not None else entry.model_copy(update={"since": milliseconds(now)})
        self._tokens[dated.token] = dated
        return dated

    def find(self, token: str) -> Token | None:
        """The token as it is now."""
        return self._tokens.get(token)

    def clear(self) -> None:
        """Forget all."""
        self._tokens.clear()

    def __iter__(self) -> Iterator[Token]:
        return iter(self._tokens.values())


def well_formed(token: str) -> bool:
    """Whether a lower-case token could be one."""
    return _TOKEN.fullmatch(token) is not None


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def changed(entry: Token, change: dict[str, Any], now: datetime) -> Token:
    """An entry with some fields changed; a new state begins now unless the change says when."""
    dated = {"since": milliseconds(now)} if "state" in change else {}
    return Token.model_validate({**entry.model_dump(), **dated, **change})
