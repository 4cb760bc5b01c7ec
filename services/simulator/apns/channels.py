"""Broadcast channels of one environment, by app."""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

KEPT = timedelta(hours=8)  # the most that a channel with storage keeps its newest message (Apple)
ID_BYTES = 16


@dataclass(slots=True)
class Channel:
    """One channel. Policy 0 stores nothing, 1 the newest message."""

    id: str
    bundle: str
    policy: int
    newest: dict[str, Any] | None = None
    newest_until: datetime | None = None

    def keep(self, message: dict[str, Any], expiration: int | None, now: datetime) -> None:
        """Store a broadcast, as far as policy and expiration allow."""
        left = KEPT if expiration is None else timedelta(seconds=expiration - now.timestamp())
        if self.policy == 1 and left > timedelta():
            self.newest, self.newest_until = message, now + min(left, KEPT)

    def stored(self, now: datetime) -> dict[str, Any] | None:
        """What a device that subscribes now would get."""
        return self.newest if self.newest_until is not None and now < self.newest_until else None


class Channels:
    """All channels of an environment."""

    def __init__(self) -> None:
        self._apps: dict[str, dict[str, Channel]] = {}

    def create(self, bundle: str, policy: int) -> Channel:
        """A new channel with a fresh id."""
        channel = Channel(base64.b64encode(os.urandom(ID_BYTES)).decode(), bundle, policy)
        self._apps.setdefault(bundle, {})[channel.id] = channel
        return channel

    def find(self, bundle: str, channel_id: str) -> Channel | None:
        """A channel of an app."""
        return self._apps.get(bundle, {}).get(channel_id)

    def delete(self, channel: Channel) -> None:
        """Remove a channel."""
        del self._apps[channel.bundle][channel.id]

    def of(self, bundle: str) -> list[str]:
        """The ids of an app's channels."""
        return list(self._apps.get(bundle, ()))

    def clear(self) -> None:
        """Forget all."""
        self._apps.clear()


def is_channel_id(text: str) -> bool:
    """Whether a text could be a channel id."""
    try:
        return len(base64.b64decode(text, validate=True)) > 0
    except (binascii.Error, ValueError):
        return False
