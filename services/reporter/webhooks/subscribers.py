"""Who wants to be told what: all webhooks that are called, read anew when one was made or changed, and every second.

An event that happens after a webhook's 201 is never told to a list that is older than the 201.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.flow.webhook import EventKind
from shared.store.webhooks import Webhook, Webhooks

BELIEVED: Final = 1.0
"""Seconds. An app without webhooks costs nothing but its place in this one read."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The webhooks of every app, as they were when it was asked for."""

    hooks: Mapping[str, Sequence[Webhook]] = field(default_factory=dict)

    def to(self, app: str, kind: EventKind) -> list[Webhook]:
        """The webhooks of an app that want events of this kind."""
        return [one for one in self.hooks.get(app, ()) if kind in one.events]

    def any_to(self, kind: EventKind) -> list[Webhook]:
        """The same of every app."""
        return [one for found in self.hooks.values() for one in found if kind in one.events]


@dataclass(slots=True)
class Subscribers:
    """Lives as long as the process."""

    webhooks: Webhooks
    monotonic: Callable[[], float] = time.monotonic
    _known: Subscribed = field(default_factory=Subscribed)
    _revision: int = -1
    _until: float = 0.0

    async def now(self) -> Subscribed:
        """As of this moment: one small read, unless something has changed."""
        revision, asked = await self.webhooks.revision(), self.monotonic()
        if revision != self._revision or asked >= self._until:
            hooks: dict[str, list[Webhook]] = {}
            for one in await self.webhooks.enabled():
                hooks.setdefault(one.app, []).append(one)
            self._known, self._revision, self._until = Subscribed(hooks), revision, asked + BELIEVED
        return self._known
