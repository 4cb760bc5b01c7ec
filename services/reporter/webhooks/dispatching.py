"""Takes what is due from the outbox and calls: a webhook one call at a time, in order; one that fails holds up none.

What was taken and not settled (its process died) is due again when the lease runs out: at least once.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import structlog
from pydantic_core import from_json

from services.reporter.webhooks.calling import Answered, Caller
from shared.flow.webhook import OLD_SECRET, Payload, next_try, signature
from shared.runtime.clock import Time
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import context
from shared.runtime.version import VERSION
from shared.store.connection import Store
from shared.store.errors import StoreAway
from shared.store.outbox import Call
from shared.store.webhooks import Webhook

NAP: Final = timedelta(seconds=1)
LEASE: Final = 3
"""Times what a call may take at most; never scaled."""
AT_ONCE: Final = 16
OF_ONE_APP: Final = 4
"""Of these, so that addresses that answer nothing hold up no other app's."""

log = structlog.get_logger()


@dataclass(slots=True)
class Dispatching:
    """Lives as long as the process; any number may share the outbox."""

    store: Store
    clock: Time
    life: Life
    metrics: Metrics
    caller: Caller
    scale: float
    rng: random.Random
    _busy: dict[str, str] = field(default_factory=dict)
    """The webhooks that are being called, and whose they are."""

    async def run(self) -> None:
        """Calls until asked to stop, then finishes the calls that are under way."""
        async with asyncio.TaskGroup() as tasks:
            while await self.life.pause(NAP / min(self.scale, 10)):
                try:
                    await self._round(tasks)
                except StoreAway as error:
                    log.warning("outbox_away", error=type(error).__name__)
                except Exception:
                    log.exception("outbox_failed")

    async def _round(self, tasks: asyncio.TaskGroup) -> None:
        while not self.life.draining and len(self._busy) < AT_ONCE:
            called = Counter(self._busy.values())
            full = [app for app, n in called.items() if n >= OF_ONE_APP]
            call = await self.store.outbox.take(self.clock.now(), LEASE * self.caller.within, self._busy, full)
            if call is None:
                return
            self._busy[call.webhook] = call.app
            tasks.create_task(self._line(call))

    async def due(self) -> int:
        """Everything that is due now, one after the other; how many calls that was."""
        calls = 0
        while (call := await self.store.outbox.take(self.clock.now(), LEASE * self.caller.within, ())) is not None:
            await self.settle(call)
            calls += 1
        return calls

    async def _line(self, call: Call) -> None:
        try:
            await self.settle(call)
        except StoreAway as error:
            log.warning("webhook_not_settled", webhook=call.webhook, error=type(error).__name__)
        except Exception:
            log.exception("webhook_failed", webhook=call.webhook)
        finally:
            del self._busy[call.webhook]

    async def settle(self, call: Call) -> None:
        """One try, and what follows from it."""
        hook = await self.store.webhooks.called(call.webhook)
        if hook is None or hook.disabled_at is not None:
            await self.store.outbox.ended(call, "dead", self._last(None, "the webhook is disabled"), self.clock.now())
            return
        answered = await self._call(hook, call)
        now, last = self.clock.now(), self._last(answered.status, answered.error or _said(answered), answered.seconds)
        self.metrics.webhook_calls.labels("fine" if answered.fine else "failed").inc()
        if answered.fine:
            await self.store.outbox.ended(call, "done", last, now)
        elif answered.status == HTTPStatus.GONE:
            await self.store.webhooks.disable(hook.id, "it answered 410", now)
            await self.store.outbox.give_up(hook.id, "the webhook answered 410", now)
            log.warning("webhook_disabled", webhook=hook.id, app=hook.app)
        elif (again := next_try(call.tries + 1, now, self.rng.random(), self.scale)) is not None:
            await self.store.outbox.again(call, again, last)
        else:
            await self.store.outbox.ended(call, "dead", last, now)
            log.warning("webhook_given_up", webhook=hook.id, app=hook.app, tries=call.tries + 1)

    async def _call(self, hook: Webhook, call: Call) -> Answered:
        now = self.clock.now()
        secrets = await self.store.webhooks.secrets(hook.id)
        if not secrets:
            return Answered(None, "its secret cannot be opened: make a new one", 0.0)
        valid = secrets if now - hook.rotated_at < OLD_SECRET else secrets[:1]
        payload = Payload(type=call.kind, timestamp=call.at, sequence=call.sequence, data=from_json(call.data))
        body = payload.model_dump_json().encode()
        timestamp = int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": f"Carillon/{VERSION}",
            "webhook-id": call.event,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(valid, call.event, timestamp, body),
        } | context(call.trace)
        return await self.caller.call(hook.url, headers, body)

    def _last(self, status: int | None, error: str, seconds: float = 0.0) -> dict[str, Any]:
        return {"at": self.clock.now(), "status": status, "error": error, "seconds": round(seconds, 3)}


def _said(answered: Answered) -> str:
    return "" if answered.fine else f"it answered {answered.status}"
