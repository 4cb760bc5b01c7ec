"""Who wants to be told what: all webhooks that are called, read anew every second at most."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.flow.webhook import EventKind
from shared.store.webhooks import Webhook, Webhooks

BELIEVED: Final = 1.0
"""Seconds. An app without webhooks costs nothing but its place in this one read."""


@dataclass(slots=True)
class Subscribers:
    """Lives as long as the process."""

    webhooks: Webhooks
    monotonic: Callable[[], float] = time.monotonic
    _known: dict[str, list[Webhook]] = field(default_factory=dict)
    _until: float = 0.0

    async def to(self, app: str, kind: EventKind) -> list[Webhook]:
        """The webhooks of an app that want events of this kind."""
        return [one for one in (await self._all()).get(app, ()) if kind in one.events]

    async def any_to(self, kind: EventKind) -> list[Webhook]:
        """The same of every app."""
        return [one for found in (await self._all()).values() for one in found if kind in one.events]

    async def _all(self) -> dict[str, list[Webhook]]:
        if self.monotonic() >= self._until:
            self._until = self.monotonic() + BELIEVED
            known: dict[str, list[Webhook]] = {}
            for one in await self.webhooks.enabled():
                known.setdefault(one.app, []).append(one)
            self._known = known
        return self._known
