"""Puts events into the outbox. An event has an id that follows from what happened: telling it twice tells it once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json

from services.reporter.webhooks.subscribers import Subscribers
from shared.flow.hygiene import Finding, dead
from shared.flow.identity import send_key, split_send_key
from shared.flow.record import Part
from shared.flow.report import Outcomes, Report
from shared.flow.verdict import Fate
from shared.flow.webhook import MOST_BYTES, EventKind
from shared.runtime.clock import Time
from shared.runtime.tracing import carried
from shared.store.connection import Store
from shared.store.webhooks import Webhook

DEVICES: Final = 150
"""Of one event: less than 20 kB, the most that a payload should have."""
JUDGEABLE: Final = 100
"""Notifications that have ended; the rate of failures of fewer says little."""
FAILURES: Final = (Fate.REJECTED, Fate.UNREGISTERED, Fate.FAILED)
REMEMBERED: Final = 10_000
BESIDE: Final = 500
"""Bytes of a payload beside a report, at most."""


@dataclass(frozen=True, slots=True)
class Announcing:
    """Lives as long as the process."""

    store: Store
    clock: Time
    subscribers: Subscribers
    told: set[str]
    """Webhooks and events that are owed already, so that the store is not asked at every look; a hint and no more."""

    async def finished(self, reports: Sequence[tuple[str, Report]]) -> None:
        """These sends, by key, have ended."""
        if not reports:
            return
        subscribed = await self.subscribers.now()
        if not subscribed.any_to(EventKind.SEND_FINISHED):
            return
        for key, report in reports:
            app, send = split_send_key(key)
            hooks = subscribed.to(app, EventKind.SEND_FINISHED)
            if hooks:
                data = {"send": send, "report": _fitting(report.model_dump(mode="json"))}
                await self._put(hooks, f"{send}/finished", EventKind.SEND_FINISHED, data, send)

    async def summed(self, key: str, total: Outcomes) -> None:
        """So much of a send has ended by now: too much of it badly, maybe."""
        app, send = split_send_key(key)
        ended = total.planned - total.open
        failures = sum(getattr(total, fate) for fate in FAILURES)
        if not failures or ended < JUDGEABLE:
            return
        subscribed = await self.subscribers.now()
        hooks = [one for one in subscribed.to(app, EventKind.SEND_FAILING) if failures / ended > one.failure_rate]
        if hooks:
            data = {"send": send, "rate": round(failures / ended, 6), "failures": failures, "ended": ended}
            await self._once(hooks, f"{send}/failing", EventKind.SEND_FAILING, data, send)

    async def retired(self, records: Mapping[str, Sequence[Part]]) -> None:
        """Devices that these records took out of service, by record: it was done before this is called."""
        gone = {record: dead(one for one in parts if not one.dry_run) for record, parts in records.items()}
        if not any(gone.values()):
            return
        subscribed = await self.subscribers.now()
        for record, found in gone.items():
            for (app, variant), findings in found.items():
                hooks = subscribed.to(app, EventKind.DEVICE_RETIRED)
                if hooks:
                    await self._retired(hooks, app, variant, findings, record.split(".", 1)[1])

    async def of_retired(self, app: str) -> bool:
        """Whether anybody wants to know of devices out of service."""
        return bool((await self.subscribers.now()).to(app, EventKind.DEVICE_RETIRED))

    async def judged(self, app: str, variant: str, findings: Sequence[Finding], at: datetime) -> None:
        """Suspects that were judged and went then; as many as one event holds."""
        hooks = (await self.subscribers.now()).to(app, EventKind.DEVICE_RETIRED)
        if hooks and findings:
            event = f"{variant}/{at.isoformat()}/{findings[0].device.hex()}"
            await self._retired(hooks, app, variant, findings, event)

    async def _retired(
        self, hooks: Sequence[Webhook], app: str, variant: str, findings: Sequence[Finding], event: str
    ) -> None:
        gone = await self.store.quarantine.gone(app, [one.device for one in findings])
        told = [one for one in findings if one.device in gone]
        for start in range(0, len(told), DEVICES):
            some = told[start : start + DEVICES]
            devices = [{"device": one.device.hex(), "reason": one.reason, "since": one.dead_at} for one in some]
            data = {"variant": variant, "devices": devices}
            await self._put(hooks, f"{event}/{variant}/retired/{start}", EventKind.DEVICE_RETIRED, data)

    async def trouble(
        self, hook: Webhook, event: str, kind: EventKind, data: Mapping[str, Any], send: str | None = None
    ) -> None:
        """Something that no record tells; it is seen again at every look."""
        await self._once([hook], event, kind, data, send)

    async def _once(
        self, hooks: Iterable[Webhook], event: str, kind: EventKind, data: Mapping[str, Any], send: str | None
    ) -> None:
        fresh = [one for one in hooks if f"{one.id}|{one.app}|{event}" not in self.told]
        await self._put(fresh, event, kind, data, send)
        if len(self.told) > REMEMBERED:
            self.told.clear()
        self.told.update(f"{one.id}|{one.app}|{event}" for one in fresh)

    async def _put(
        self, hooks: Iterable[Webhook], event: str, kind: EventKind, data: Mapping[str, Any], send: str | None = None
    ) -> None:
        now, body = self.clock.now(), to_json(dict(data))
        event = event.replace(".", "-")  # a signature is over id, time and body with dots between
        for one in hooks:
            trace = carried().get(send_key(one.app, send), "") if send is not None else ""
            await self.store.outbox.put(one.id, one.app, event, (kind, body), now, send, trace=trace)


def _fitting(report: dict[str, Any]) -> dict[str, Any]:
    """Without its variants if it were too much of them: there may be hundreds, and whoever wants them can ask."""
    if len(to_json(report)) + BESIDE <= MOST_BYTES:
        return report
    return {name: said for name, said in report.items() if name != "variants"}
