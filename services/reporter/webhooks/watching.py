"""Looks for what no result tells: sends that were paused, variants of no use, windows that tripped the gate."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.reporter.again import again_and_again
from services.reporter.webhooks.announcing import Announcing
from shared.flow.identity import split_send_key
from shared.flow.webhook import EventKind
from shared.runtime.life import Life
from shared.store.connection import Store
from shared.store.webhooks import Webhook

EVERY: Final = timedelta(seconds=5)
LEAST_EVERY: Final = timedelta(seconds=1)
DUTY: Final = "watch"
AGO: Final = timedelta(days=1)
"""So long may all reporters have been away, and what is over by then is told all the same."""
ORDERED: Final = "ordered"
NOT_OPENED: Final = "not_opened"
"""The key ring lacks the key that a variant's secrets are sealed under."""


@dataclass(frozen=True, slots=True)
class Watching:
    """Lives as long as the process; several may look, for an event is owed once."""

    store: Store
    announcing: Announcing
    life: Life

    async def run(self) -> None:
        """Rounds until the process is asked to stop."""
        every = max(self.announcing.clock.scaled(EVERY), LEAST_EVERY)
        await again_and_again(self.life, every, DUTY, self.round)

    async def round(self) -> None:
        """Everything that is in trouble now, for whoever wants to know."""
        subscribed = await self.announcing.subscribers.now()
        for hook in subscribed.any_to(EventKind.SEND_PAUSED):
            await self._paused(hook)
        for hook in subscribed.any_to(EventKind.CREDENTIAL_PROBLEM):
            await self._parked(hook)
        for hook in subscribed.any_to(EventKind.ANOMALY):
            await self._tripped(hook)

    async def _paused(self, hook: Webhook) -> None:
        """By its backend or by itself, also if it goes on already."""
        since = max(hook.created_at, self.announcing.clock.now() - AGO)
        for key, at, why in await self.store.orders.pauses(hook.app, since):
            _, send = split_send_key(key)
            data = {"send": send, "why": why or ORDERED, "since": at}
            event = f"{send}/paused/{int(at.timestamp() * 1000)}"
            await self.announcing.trouble(hook, event, EventKind.SEND_PAUSED, data, send)

    async def _parked(self, hook: Webhook) -> None:
        variants = await self.store.variants.all(hook.app)
        for one in variants:
            if not one.opened:
                event, why = f"{one.id}/{NOT_OPENED}/{one.version}", {"variant": one.id, "reason": NOT_OPENED}
                await self.announcing.trouble(hook, event, EventKind.CREDENTIAL_PROBLEM, why)
        for parked in (await self.store.parking.of([one.id for one in variants])).values():
            data = {"variant": parked.variant, "reason": parked.reason, "since": parked.since}
            event = f"{parked.variant}/parked/{parked.version}/{int(parked.since.timestamp() * 1000)}"
            await self.announcing.trouble(hook, event, EventKind.CREDENTIAL_PROBLEM, data)

    async def _tripped(self, hook: Webhook) -> None:
        since = max(hook.created_at, self.announcing.clock.now() - AGO)
        for window in await self.store.windows.tripped(hook.app, since):
            data = {
                "variant": window.variant, "start": window.start, "judged_at": window.judged_at, "why": window.why,
                "results": window.tally.results, "suspects": window.tally.suspects,
            }  # fmt: skip
            await self.announcing.trouble(hook, f"{window.id}/tripped", EventKind.ANOMALY, data)
