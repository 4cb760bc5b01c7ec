"""Store-and-forward: what of the accepted notifications reaches a device, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

OVERTAKING = timedelta(seconds=1)  # how long a notification waits to be overtaken
LONGEST = timedelta(days=30)  # the most that APNs keeps anything (Apple)


@dataclass(frozen=True, slots=True)
class Notification:
    """An accepted notification on its way to a device. `expires`: None is as late as possible, the past is never."""

    token: str
    bundle: str
    accepted_at: datetime
    expires: datetime | None
    details: dict[str, Any]
    held: bool = False  # priority 5 or 1: waits for the device's next burst

    def alive(self, now: datetime) -> bool:
        """Whether it may still be shown."""
        end = self.accepted_at + LONGEST
        return now < (end if self.expires is None else min(end, self.expires))


Show = Callable[[str, dict[str, Any]], None]


class Storage:
    """What one environment holds back: for devices that are away, for bursts, and to change the order.

    Per device and bundle id one notification is stored, the newest (Apple, "Sending notification requests to APNs").
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._stored: dict[tuple[str, str], Notification] = {}
        self._bursts: dict[str, list[Notification]] = {}
        self._burst_due: dict[str, datetime] = {}
        self._overtaken: dict[str, Notification] = {}

    def accept(self, notification: Notification, *, online: bool, interval: timedelta, overtaken: bool) -> None:
        """Take an accepted notification and show it, store it, hold it back or drop it."""
        if not online:
            if notification.alive(notification.accepted_at):
                self._stored[notification.token, notification.bundle] = notification
        elif notification.held and interval > timedelta():
            self._hold(notification, interval)
        elif overtaken and notification.token not in self._overtaken:
            self._overtaken[notification.token] = notification
        else:
            self._deliver(notification)

    def online(self, token: str, now: datetime) -> None:
        """A device came back: show what is stored for it and still alive."""
        for place in [place for place in self._stored if place[0] == token]:
            notification = self._stored.pop(place)
            if notification.alive(now):
                self._deliver(notification, late=True)

    def settle(self, now: datetime, online: Callable[[str], bool]) -> None:
        """Show the bursts that are due and what nothing came to overtake; store it for those who went away."""
        lone = [token for token, waiting in self._overtaken.items() if waiting.accepted_at + OVERTAKING <= now]
        ready = [self._overtaken.pop(token) for token in lone]
        for token in [token for token, due in self._burst_due.items() if due <= now]:
            del self._burst_due[token]
            ready += self._bursts.pop(token)
        for notification in ready:
            if not notification.alive(now) and notification.held:
                continue
            if online(notification.token):
                self._deliver(notification, late=True)
            elif notification.alive(now):
                self._stored[notification.token, notification.bundle] = notification

    def stored(self, token: str) -> list[dict[str, Any]]:
        """What waits for a device."""
        waiting = [held for (owner, _), held in self._stored.items() if owner == token] + self._bursts.get(token, [])
        return [notification.details for notification in waiting]

    def clear(self) -> None:
        """Forget all."""
        for memory in (self._stored, self._bursts, self._burst_due, self._overtaken):
            memory.clear()

    def _hold(self, notification: Notification, interval: timedelta) -> None:
        self._bursts.setdefault(notification.token, []).append(notification)
        self._burst_due.setdefault(notification.token, notification.accepted_at + interval)

    def _deliver(self, notification: Notification, *, late: bool = False) -> None:
        self._show(notification.token, {**notification.details, "bundle": notification.bundle, "late": late})
        if not late and (waiting := self._overtaken.pop(notification.token, None)):
            self._deliver(waiting, late=True)
