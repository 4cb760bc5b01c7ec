"""The orders and policies in force, as a process knows them: read once a second, however many sends are worked.

Who never pauses or calls off a send and has no quiet hours pays for two empty answers a second. What begins before an
order was heard of is counted as what becomes of it; `services.planner.calling_off` says why nothing counts twice.
"""

import asyncio
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

import structlog

from shared.flow.order import Standing
from shared.flow.policy import Policy
from shared.flow.send import Send
from shared.store.connection import Store
from shared.store.errors import StoreAway

EVERY: Final = 1.0
"""Seconds, never scaled."""

log = structlog.get_logger()


class InForce:
    """Lives as long as the process; shared by all that begin something."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Standing] = {}
        self._policies: dict[str, Policy] = {}

    async def refresh(self) -> None:
        """Reads them now."""
        self._known = await self._store.orders.in_force()
        self._policies = await self._store.apps.policies()

    async def run(self) -> None:
        """Reads them again and again, until cancelled. While the store does not answer, what was known holds."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.refresh()
            except StoreAway as error:
                log.warning("orders_not_read", error=type(error).__name__)

    def of(self, key: str) -> Standing | None:
        """The order about this send, if there is one."""
        return self._known.get(key)

    def policy(self, app: str) -> Policy | None:
        """What an app wants for all its sends, if anything."""
        return self._policies.get(app)

    def keys(self) -> Collection[str]:
        """The sends about which there is an order."""
        return self._known.keys()

    def stop_any(self, sends: Iterable[Send], now: datetime) -> bool:
        """Whether one of these must not be begun."""
        if not self._known:
            return False
        found = ((self._known.get(send.key), send.deadline) for send in sends)
        return any(one is not None and one.stops(now, deadline) for one, deadline in found)
