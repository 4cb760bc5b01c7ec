"""Authorizations for requests: one per identity, shared by all replicas through the store, renewed by one at a time."""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from pydantic import BaseModel

from services.delivery.catalog import Credentialed
from shared.providers.contract import Authorization, AuthorizationRefused, Post, Provider
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.errors import StoreAway, Unsealable

LEASE: Final = timedelta(seconds=15)
"""How long the one who renews has for it."""
PATIENCE: Final = timedelta(seconds=5)
"""How long a renewal may hold up whoever has a value that is valid still, and how long that one serves before the next
try: while the store is away each try would wait out the store's own limit."""
WAITS: Final = 50
WAIT: Final = 0.1
"""Seconds between looks for what another process is renewing."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What an authorizer stands on."""

    store: Store
    provider: Provider[Any, Any]
    endpoints: BaseModel
    post: Post
    clock: Clock
    metrics: Metrics
    owner: str
    patience: timedelta = PATIENCE


class Authorizer:
    """Hands out authorization header values. Lives as long as the process; shared by all its chunks."""

    def __init__(self, wiring: Wiring) -> None:
        self._on = wiring
        self._known: dict[str, Authorization] = {}
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._not_before: dict[str, float] = {}
        """By identity: when the next renewal is tried after one that failed, on the monotonic clock."""

    async def value(self, variant: Credentialed, refused: str | None = None) -> str | None:
        """The header's value, or None if this variant needs none. `refused` is a value that the provider just refused.

        Raises `AuthorizationRefused`.
        """
        name = self._on.provider.authorization_identity(variant.settings)
        if name is None:
            return None
        identity = f"{self._on.provider.name}|{name}"
        known = self._known.get(identity)
        if known is not None and self._fresh(known, refused):
            return known.value
        async with self._locks[identity]:
            return (await self._current(identity, variant, refused)).value

    def _fresh(self, one: Authorization, refused: str | None) -> bool:
        return one.value != refused and self._on.clock.now() < one.refresh_at

    def _usable(self, one: Authorization | None, refused: str | None) -> bool:
        return one is not None and one.value != refused and self._on.clock.now() < one.expires_at

    def _serves(self, identity: str, one: Authorization, refused: str | None) -> bool:
        """Whether it was just tried in vain to renew this one, which is valid still."""
        return self._usable(one, refused) and time.monotonic() < self._not_before.get(identity, 0.0)

    async def _current(self, identity: str, variant: Credentialed, refused: str | None) -> Authorization:
        known = self._known.get(identity)
        if known is not None and (self._fresh(known, refused) or self._serves(identity, known, refused)):
            return known
        limit = self._on.patience.total_seconds() if self._usable(known, refused) else None
        try:
            async with asyncio.timeout(limit):
                return await self._shared_or_new(identity, variant, refused)
        except (StoreAway, AuthorizationRefused, TimeoutError) as error:
            known = self._known.get(identity)
            if known is not None and self._usable(known, refused):  # the old one as long as it is valid
                log.warning("authorization_not_renewed", error=str(error) or type(error).__name__)
                self._not_before[identity] = time.monotonic() + self._on.patience.total_seconds()
                return known
            if isinstance(error, AuthorizationRefused):
                self._on.metrics.authorization_refreshes.labels(self._on.provider.name, "refused").inc()
                raise
            raise AuthorizationRefused("store_away", permanent=False) from error

    async def _shared_or_new(self, identity: str, variant: Credentialed, refused: str | None) -> Authorization:
        for _ in range(WAITS):
            shared = await self._shared(identity)
            if shared is not None and self._fresh(shared, refused):
                return shared
            if await self._on.store.authorizations.lease(identity, self._on.owner, self._on.clock.now(), LEASE):
                return await self._renew(identity, variant, refused)
            if shared is not None and self._usable(shared, refused):
                return shared
            await asyncio.sleep(WAIT)
        raise AuthorizationRefused("renewal_takes_too_long", permanent=False)

    async def _shared(self, identity: str) -> Authorization | None:
        try:
            found = await self._on.store.authorizations.get(identity)
        except Unsealable:  # made under a key that the ring holds no more: as if there were none
            return None
        if found is None:
            return None
        self._known[identity] = Authorization(**found)
        return self._known[identity]

    async def _renew(self, identity: str, variant: Credentialed, refused: str | None) -> Authorization:
        """Under the lease: somebody else's if it is new by now, else our own, never sooner than the provider allows."""
        shared = await self._shared(identity)
        now = self._on.clock.now()
        if shared is not None and self._fresh(shared, refused):
            return shared
        least = timedelta(seconds=self._on.provider.min_refresh)
        if shared is not None and now < min(shared.issued_at + least, shared.expires_at):
            raise AuthorizationRefused("refused_soon_after_issue", permanent=True)
        new = await self._on.provider.authorize(variant.settings, self._on.endpoints, now, self._on.post)
        times = {"issued_at": new.issued_at, "refresh_at": new.refresh_at, "expires_at": new.expires_at}
        await self._on.store.authorizations.put(identity, new.value, times)
        self._on.metrics.authorization_refreshes.labels(self._on.provider.name, "obtained").inc()
        log.info("authorization_renewed", platform=self._on.provider.name, expires_at=new.expires_at.isoformat())
        self._known[identity] = new
        return new
