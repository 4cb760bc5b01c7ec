"""Counts what became of Android messages by app, day and label, as Firebase's delivery data shows it days later (F22).

Source: the protocol reference, B.8. A day is a date in America/Los_Angeles.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.simulator.fcm.installation import Installation
from services.simulator.fcm.mailbox import Event
from services.simulator.fcm.parcel import Row

ZONE = ZoneInfo("America/Los_Angeles")

# Our event → Google's name among messageOutcomePercents. What was replaced or has expired has no name there.
OUTCOMES = {"shown": "delivered", "dropped_too_many_pending": "droppedTooManyPendingMessages"}
WAITS = {
    "": "deliveredNoDelay",
    "offline": "delayedDeviceOffline",
    "doze": "delayedDeviceDoze",
    "throttled": "delayedMessageThrottled",
}


@dataclass(slots=True)
class DeliveryBook:
    rows: dict[Row, Counter[str]] = field(default_factory=dict)
    app_project: dict[str, str] = field(default_factory=dict)  # app id → project id

    def accepted(self, installation: Installation, label: str, now: float) -> Row:
        """The row that the message belongs to; only Android has any."""
        if installation.kind != "android":
            return "", "", ""
        app = app_id(installation)
        self.app_project[app] = installation.project
        row = app, day_of(now).isoformat(), label
        self.rows.setdefault(row, Counter())["accepted"] += 1
        return row

    def happened(self, event: Event) -> None:
        counts = self.rows.get(event.parcel.row) if event.parcel is not None else None
        if counts is None:
            return
        counts["ended"] += 1
        if event.what in OUTCOMES:
            counts[OUTCOMES[event.what]] += 1
        if event.what == "shown":
            counts[WAITS[event.waited]] += 1

    def page(self, app: str, until: date, start: int, size: int) -> tuple[list[dict[str, Any]], int | None]:
        """Rows of an app up to a day, from a position; where the next page starts, if there is one."""
        known = sorted(row for row in self.rows if row[0] == app and row[1] <= until.isoformat())
        shown = [_described(row, self.rows[row]) for row in known[start : start + size]]
        return shown, start + size if start + size < len(known) else None

    def clear(self) -> None:
        self.rows.clear()
        self.app_project.clear()


def app_id(installation: Installation) -> str:
    return installation.app_id or f"1:{installation.project}:android:{installation.package or 'app'}"


def day_of(now: float) -> date:
    return datetime.fromtimestamp(now, UTC).astimezone(ZONE).date()


def settled_day(now: float, lag_days: int) -> date:
    """The last day that is shown by now."""
    return day_of(now) - timedelta(days=lag_days)


def _described(row: Row, counts: Counter[str]) -> dict[str, Any]:
    app, day, label = row
    when = date.fromisoformat(day)
    accepted = counts["accepted"]
    shares = {name: round(100 * counts[name] / accepted, 2) for name in OUTCOMES.values() if counts[name]}
    pending = accepted - counts["ended"]
    if pending:
        shares["pending"] = round(100 * pending / accepted, 2)
    delivered = counts["delivered"]
    waits = {name: round(100 * counts[name] / delivered, 2) for name in WAITS.values() if counts[name]}
    data: dict[str, Any] = {"countMessagesAccepted": str(accepted), "messageOutcomePercents": shares}
    if waits:
        data["deliveryPerformancePercents"] = waits
    told = {"appId": app, "date": {"year": when.year, "month": when.month, "day": when.day}, "data": data}
    return told | ({"analyticsLabel": label} if label else {})
