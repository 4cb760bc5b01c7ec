"""Erases users: devices, names and ids wherever the store has them. One reporter does so for all."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from services.reporter.again import again_and_again
from shared.flow.message import Message
from shared.flow.receipt import DEVICE
from shared.flow.send import Send
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.store.connection import Store
from shared.store.erasures import Erasure
from shared.store.traces import ERASED

EVERY: Final = timedelta(seconds=30)
LEAST_EVERY: Final = timedelta(seconds=1)
"""Never scaled: so often at most."""
LEASE: Final = timedelta(minutes=5)
DUTY: Final = "erase"
PAGE: Final = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Erasing:
    """Lives as long as the process. `owner` names this start of it."""

    store: Store
    clock: Time
    life: Life
    owner: str

    async def run(self) -> None:
        """Rounds until the process is asked to stop."""
        every = max(self.clock.scaled(EVERY), LEAST_EVERY)
        await again_and_again(self.life, every, DUTY, self.round)

    async def round(self) -> None:
        """Everything that is owed, for as long as the duty is ours."""
        while await self._mine() and (erasure := await self.store.erasures.owed()) is not None:
            await self._erase(erasure)

    async def _erase(self, erasure: Erasure) -> None:
        """Each step may be repeated; the last one forgets whom it was about."""
        app, store = erasure.app, self.store
        variants = [one.id for one in await store.variants.all(app)]
        rows = await store.devices.owned(app, variants, erasure.user)
        erasure = await store.erasures.found(erasure, [bytes(row["_id"]) for row in rows])
        names = {erasure.user, *(one.hex() for one in erasure.devices), *(row["token"] for row in rows)}
        await self._sends(app, names)
        await store.traces.unlist(app, sorted(names))
        await store.traces.unlist_values(app, erasure.user)
        await store.traces.replace(app, {one: secrets.token_bytes(DEVICE) for one in erasure.devices})
        for row in rows:
            await store.devices.delete(app, bytes(row["_id"]))
        await store.erasures.done(erasure, self.clock.now())
        log.info("user_erased", app=app, erasure=erasure.id, devices=len(erasure.devices))

    async def _sends(self, app: str, names: set[str]) -> None:
        before = None
        while page := await self.store.sends.latest(app, PAGE, before):
            for send in page:
                left = without(send, names)
                if left is not None:
                    await self.store.sends.rewrite(left)
            before = (page[-1].accepted_at, page[-1].key)
            await self._mine()

    async def _mine(self) -> bool:
        return not self.life.draining and await self.store.duties.take(DUTY, self.owner, self.clock.now(), LEASE)


def without(send: Send, names: set[str]) -> Send | None:
    """A send that names these recipients no more, or None if it never did; one that named nobody else says nothing."""
    audience = send.request.audience
    change: dict[str, Any] = {}
    for kind in ("users", "devices"):
        named = getattr(audience, kind)
        if named is not None and names & set(named):
            nobody = ERASED if kind == "users" else "0" * 2 * DEVICE
            change[kind] = tuple(nobody if one in names else one for one in named)
    if audience.tokens is not None and any(names & set(found) for found in audience.tokens.values()):
        change["tokens"] = {
            variant: tuple(ERASED if one in names else one for one in found)
            for variant, found in audience.tokens.items()
        }
    left_out = audience.exclude
    if names & {*left_out.users, *left_out.devices}:
        users, devices = ([one for one in found if one not in names] for found in (left_out.users, left_out.devices))
        change["exclude"] = left_out.model_copy(update={"users": tuple(users), "devices": tuple(devices)})
    if not change:
        return None
    request: dict[str, Any] = {"audience": audience.model_copy(update=change)}
    if send.request.values is not None:
        request["values"] = {user: own for user, own in send.request.values.items() if user not in names}
    if audience.named == 1 and len(change) > ("exclude" in change):
        request["message"] = Message()
    return send.model_copy(update={"request": send.request.model_copy(update=request)})
