"""What a device gets of what was accepted: delivered, kept, replaced, throttled or dropped, by each platform's storage.

Source: the protocol reference, B.5 and rows F11 (collapsible bucket), F12 (100 stored, 4 keys) and F21 (ttl 0, Doze);
Apple devices keep the newest only (A.12). Pure: the time is told, what happened is returned.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from services.simulator.fcm.parcel import Parcel
from services.simulator.fcm.project import Platform
from services.simulator.fcm.quota import Dripping

STORED_LIMIT = 100
COLLAPSE_KEYS_LIMIT = 4

What = Literal[
    "shown",
    "deleted_messages",  # onDeletedMessages: too many waited, all are gone
    "replaced",  # a newer one with its collapse key (or, on Apple devices, any newer one) took its place
    "expired",
    "dropped_ttl_zero",
    "dropped_too_many_pending",
    "dropped_collapse_key",
]


@dataclass(frozen=True, slots=True)
class Event:
    """What became of a parcel (none for `deleted_messages`). `waited` says what it waited for, if it did."""

    what: What
    at: float
    parcel: Parcel | None = None
    waited: str = ""  # offline | doze | throttled


@dataclass(slots=True)
class Mailbox:
    kind: Platform
    online: bool = True
    doze: bool = False
    plain: dict[str, Parcel] = field(default_factory=dict)
    collapsible: dict[str, Parcel] = field(default_factory=dict)
    bucket: Dripping = field(default_factory=Dripping)
    overflowed: bool = False
    seed: str = ""
    waits: dict[str, str] = field(default_factory=dict)  # message id → what it waits for

    def arrive(self, parcel: Parcel, now: float) -> list[Event]:
        why = self._held_by(parcel, now)
        if not why:
            return [Event("shown", now, parcel)]
        if parcel.now_or_never:
            return [Event("dropped_ttl_zero", now, parcel, why)]
        self.waits[parcel.message_id] = why
        return list(self._keep(parcel, now))

    def wake(self, now: float) -> list[Event]:
        """Lets go of what has expired and delivers what may go now, oldest first."""
        events = list(self._expire(now))
        if self.online and self.overflowed:
            self.overflowed = False
            events.append(Event("deleted_messages", now))
        for shelf in (self.plain, self.collapsible):
            for key, parcel in list(shelf.items()):
                if not self._held_by(parcel, now):
                    del shelf[key]
                    events.append(Event("shown", now, parcel, self.waits.pop(parcel.message_id, "")))
        return events

    def due(self, now: float) -> float | None:
        """When `wake` has something to do even if nobody changes the device; None if never."""
        times = [parcel.expires_at for parcel in self._waiting()]
        if self.online and any(self.waits.get(each.message_id) == "throttled" for each in self.collapsible.values()):
            times.append(self.bucket.next_at(now))
        return min(times, default=None)

    def _held_by(self, parcel: Parcel, now: float) -> str:
        if not self.online:
            return "offline"
        if self.kind == "android" and self.doze and not parcel.urgent:
            return "doze"
        throttled = self.kind == "android" and parcel.collapse and not self.bucket.take(now)
        return "throttled" if throttled else ""

    def _keep(self, parcel: Parcel, now: float) -> Iterator[Event]:
        if self.kind == "ios":  # APNs keeps one per device and bundle
            yield from (self._lost("replaced", old, now) for old in self._take_all())
            self.plain[parcel.message_id] = parcel
        elif parcel.collapse:
            yield from self._keep_collapsible(parcel, now)
        else:
            self.plain[parcel.message_id] = parcel
            if self.kind == "android" and len(self.plain) > STORED_LIMIT:
                yield from (self._lost("dropped_too_many_pending", each, now) for each in self.plain.values())
                self.plain.clear()
                self.overflowed = True

    def _keep_collapsible(self, parcel: Parcel, now: float) -> Iterator[Event]:
        old = self.collapsible.pop(parcel.collapse, None)
        if old is not None:
            yield self._lost("replaced", old, now)
        self.collapsible[parcel.collapse] = parcel
        if self.kind == "android" and len(self.collapsible) > COLLAPSE_KEYS_LIMIT:  # which one goes is not promised
            draw = random.Random(f"{self.seed}/{parcel.message_id}")  # noqa: S311  # repeatable, not secret
            gone = draw.choice(sorted(self.collapsible))
            yield self._lost("dropped_collapse_key", self.collapsible.pop(gone), now)

    def _expire(self, now: float) -> Iterator[Event]:
        for shelf in (self.plain, self.collapsible):
            for key, parcel in list(shelf.items()):
                if parcel.expires_at <= now:
                    del shelf[key]
                    yield self._lost("expired", parcel, now)

    def _take_all(self) -> list[Parcel]:
        taken = self._waiting()
        self.plain.clear()
        self.collapsible.clear()
        return taken

    def _waiting(self) -> list[Parcel]:
        return [*self.plain.values(), *self.collapsible.values()]

    def _lost(self, what: What, parcel: Parcel, now: float) -> Event:
        return Event(what, now, parcel, self.waits.pop(parcel.message_id, ""))
