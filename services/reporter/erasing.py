"""Erases users: devices, names and ids wherever the store has them, and dead letters. One reporter does so for all."""

import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from services.reporter.again import again_and_again
from services.reporter.nameless import Nobody, filter_without, without
from shared.bus.errors import BusError
from shared.flow.receipt import DEVICE
from shared.flow.send import Send
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.store.connection import Store
from shared.store.erasures import Erasure
from shared.store.errors import StoreAway

EVERY: Final = timedelta(seconds=30)
LEAST_EVERY: Final = timedelta(seconds=1)
"""Never scaled: so often at most."""
LEASE: Final = timedelta(minutes=5)
DUTY: Final = "erase"
ON_ITS_WAY: Final = timedelta(minutes=2)
"""So long a chunk that was in hand may take to be recorded, with the ids that were looked up before."""
PAGE: Final = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Erasing:
    """Lives as long as the process. `owner` names this start of it; `letters` drops dead letters of an app by name."""

    store: Store
    clock: Time
    life: Life
    owner: str
    letters: Callable[[str, Collection[str]], Awaitable[int]]

    async def run(self) -> None:
        """Rounds until the process is asked to stop."""
        every = max(self.clock.scaled(EVERY), LEAST_EVERY)
        await again_and_again(self.life, every, DUTY, self.round)

    async def round(self) -> None:
        """Everything that is owed, for as long as the duty is ours."""
        failed: list[str] = []
        while await self._mine() and (erasure := await self.store.erasures.owed(self.clock.now(), failed)) is not None:
            try:
                await (self._erase(erasure) if erasure.again_at is None else self._again(erasure))
            except BusError as error:
                log.warning("not_erased", erasure=erasure.id, error=type(error).__name__)
                return
            except StoreAway:
                raise
            except Exception:  # it is tried again in another round, and holds up no other
                log.exception("erasure_failed", erasure=erasure.id)
                failed.append(erasure.id)

    async def _erase(self, erasure: Erasure) -> None:
        """Each step may be repeated; the last one forgets whom it was about."""
        app, store = erasure.app, self.store
        rows = await store.devices.owned(app, await store.devices.variants(app), erasure.user)
        erasure = await store.erasures.found(erasure, [bytes(row["_id"]) for row in rows])
        devices = [one.hex() for one in erasure.devices]
        texts, nobody = [erasure.user, *(row["token"] for row in rows)], Nobody()
        names = {*texts, *devices}
        await self.letters(app, names)
        await self._sends(app, names, nobody)
        await self._segments(app, names, nobody)
        await store.traces.unlist(app, texts, nobody.text)
        await store.traces.unlist(app, devices, nobody.device)
        await store.traces.unlist_values(app, erasure.user, nobody.text)
        await store.caps.forget(app, erasure.user, erasure.devices)
        await store.traces.replace(app, {one: secrets.token_bytes(DEVICE) for one in erasure.devices})
        for row in rows:
            await store.devices.delete(app, bytes(row["_id"]))
        now, on_its_way = self.clock.now(), self.clock.scaled(ON_ITS_WAY)
        if erasure.devices and await store.claims.any_of(app, now - on_its_way):
            await store.erasures.look_again(erasure, now + on_its_way)
        else:
            await self._done(erasure)

    async def _again(self, erasure: Erasure) -> None:
        """What was in hand when the devices went has been recorded by now. Who registered again since is left alone."""
        app, store = erasure.app, self.store
        back = await store.devices.known(app, set(erasure.devices))
        gone = [one for one in erasure.devices if one not in back]
        await store.traces.replace(app, {one: secrets.token_bytes(DEVICE) for one in gone})
        if not await store.devices.owned(app, await store.devices.variants(app), erasure.user):
            await store.caps.forget(app, erasure.user, gone)
        await self._done(erasure)

    async def _done(self, erasure: Erasure) -> None:
        await self.store.erasures.done(erasure, self.clock.now())
        log.info("user_erased", app=erasure.app, erasure=erasure.id, devices=len(erasure.devices))

    async def _sends(self, app: str, names: set[str], nobody: Nobody) -> None:
        before = None
        while page := await self.store.sends.latest(app, PAGE, before):
            for send in page:
                await self._send(send, names, nobody)
            before = (page[-1].accepted_at, page[-1].key)
            await self._mine()

    async def _send(self, send: Send, names: set[str], nobody: Nobody) -> None:
        """As often as it is replaced meanwhile: an older revision is never put in the place of a newer one."""
        found: Send | None = send
        while found is not None and not found.purged:
            left = without(found, names, nobody)
            if left is None or await self.store.sends.rewrite(left):
                return
            found = await self.store.sends.get(send.key)

    async def _segments(self, app: str, names: set[str], nobody: Nobody) -> None:
        for segment in await self.store.segments.all(app):
            left = filter_without(segment.filter, names, nobody)
            if left != segment.filter:
                await self.store.segments.replace(app, segment.model_copy(update={"filter": left}), self.clock.now())

    async def _mine(self) -> bool:
        return not self.life.draining and await self.store.duties.take(DUTY, self.owner, self.clock.now(), LEASE)
