"""Tells backends what became of chunks and sends: events on the topic exchange `feedback`, keys `<app>.<kind>`.

A message carries events of one app and kind, up to 100; one about a sampled send is about that send alone, with its
trace. Each event has an id that stays the same when it is told again; nobody listening is no error.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from shared.bus.connection import Bus
from shared.bus.topology import FEEDBACK
from shared.flow.event import ChunkEvent, Events, NotDelivered, SendEvent
from shared.flow.identity import attempt_of, send_key, split_send_key
from shared.flow.record import Part
from shared.flow.report import Report
from shared.flow.send import Problem
from shared.runtime.tracing import Trace, carried, context

BUNDLE: Final = 100
Event = ChunkEvent | SendEvent


@dataclass(frozen=True, slots=True)
class Feedback:
    """Lives as long as the process. Every call returns when the broker has confirmed, or raises what the bus raises."""

    bus: Bus

    async def chunks(self, parts: Iterable[Part]) -> None:
        """These chunks have a record."""
        by_app: dict[str, list[ChunkEvent]] = defaultdict(list)
        for part in parts:
            by_app[part.app].append(chunk_event(part))
        for app, events in by_app.items():
            await self._tell(app, "chunk", events)

    async def finished(self, reports: Iterable[tuple[str, Report]]) -> None:
        """These sends, by key, have all their records."""
        by_app: dict[str, list[SendEvent]] = defaultdict(list)
        for key, report in reports:
            app, send = split_send_key(key)
            by_app[app].append(SendEvent(id=f"{send}/finished", send=send, state="finished", report=report))
        for app, events in by_app.items():
            await self._tell(app, "send", events)

    async def rejected(self, key: str, problems: tuple[Problem, ...], mark: str = "") -> None:
        """A send was refused as invalid; `mark` tells refused commands apart that were not stored."""
        app, send = split_send_key(key)
        id_ = f"{send}/rejected{mark and f'/{mark}'}"
        await self._tell(app, "send", [SendEvent(id=id_, send=send, state="rejected", errors=problems)])

    async def paused(self, key: str, why: str, report: Report | None) -> None:
        """A send paused by itself; whoever looks after it decides what follows."""
        app, send = split_send_key(key)
        await self._tell(
            app, "send", [SendEvent(id=f"{send}/paused", send=send, state="paused", why=why, report=report)]
        )

    async def _tell(self, app: str, kind: Literal["chunk", "send"], events: Sequence[Event]) -> None:
        bundles = [
            (Events(kind=kind, events=tuple(some[start : start + BUNDLE])), trace)
            for trace, some in _by_trace(app, events).items()
            for start in range(0, len(some), BUNDLE)
        ]
        await asyncio.gather(*(self._publish(app, bundle, trace) for bundle, trace in bundles))

    async def _publish(self, app: str, bundle: Events, trace: Trace) -> None:
        body, headers = bundle.model_dump_json(exclude_none=True).encode(), {**context(trace)}
        await self.bus.publish(FEEDBACK, f"{app}.{bundle.kind}", body, headers=headers, mandatory=False)


def _by_trace(app: str, events: Sequence[Event]) -> Mapping[Trace, Sequence[Event]]:
    """What is not sampled has none, and stays together."""
    traces = carried()
    if not traces:
        return {"": events}
    apart: dict[Trace, list[Event]] = defaultdict(list)
    for one in events:
        apart[traces.get(send_key(app, one.send), "")].append(one)
    return apart


def chunk_event(part: Part) -> ChunkEvent:
    """A chunk as its backend reads it; the id is the member without the app."""
    outcomes: dict[str, dict[str, int]] = {}
    for count in part.counts:
        outcomes.setdefault(count.fate, {})[count.reason] = count.n
    return ChunkEvent(
        id=part.member.split(".", 1)[1],
        send=split_send_key(part.send)[1],
        variant=part.variant,
        platform=part.platform,
        attempt=attempt_of(part.member),
        matched=part.matched,
        outcomes=outcomes,
        not_delivered=tuple(
            NotDelivered(device=one.device.hex(), outcome=one.fate, reason=one.reason) for one in part.undelivered
        ),
        dry_run=part.dry_run,
        delivered=tuple(device.hex() for device in part.receipts.each()) if part.receipts else None,
    )
