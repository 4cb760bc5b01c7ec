"""What one accepted message is for one device: how long it waits, what it replaces, what it shows."""

from dataclasses import dataclass, field
from typing import Any

from services.simulator.fcm.message import Message
from services.simulator.fcm.project import Platform
from services.simulator.fcm.proto_written import written

DAY = 86400.0
APNS_LIFE = 30 * DAY  # what FCM asks of APNs if the message says nothing (the protocol reference, B.2)
WEB_LIFE = 28 * DAY
Row = tuple[str, str, str]  # app id, date (America/Los_Angeles), analytics label


@dataclass(frozen=True, slots=True)
class Parcel:
    """Times in simulated seconds since the epoch. `collapse`: replaces a waiting one with the same key; empty: none."""

    message_id: str
    accepted_at: float
    expires_at: float
    collapse: str = ""
    now_or_never: bool = False
    urgent: bool = True
    tag: str = ""  # a notification with the same tag takes this one's place on the screen
    shown: dict[str, Any] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    row: Row = ("", "", "")


def parcel_for(kind: Platform, message: Message, message_id: str, now: float, row: Row = ("", "", "")) -> Parcel:
    collapse, life, urgent, tag = {"android": _android, "ios": _ios, "web": _web}[kind](message, now)
    return Parcel(
        message_id=message_id,
        accepted_at=now,
        expires_at=now + life,
        collapse=collapse,
        now_or_never=life <= 0,
        urgent=urgent,
        tag=tag,
        shown=written(message.notification_for(kind)),  # for the log, which is JSON
        data=message.data_for(kind),
        row=row,
    )


Way = tuple[str, float, bool, str]  # collapse, life in seconds, urgent, tag


def _android(message: Message, _now: float) -> Way:
    shown = message.notification_for("android")
    urgent = message.android.get("priority", "HIGH" if shown else "NORMAL") == "HIGH"
    return message.collapse_key, message.ttl.total_seconds(), urgent, shown.get("tag") or ""


def _ios(message: Message, now: float) -> Way:
    headers = message.apns_headers
    expiration = headers.get("apns-expiration", "")
    life = float(expiration) - now if expiration.isdecimal() else APNS_LIFE
    collapse = headers.get("apns-collapse-id", "")
    return collapse, max(0.0, life), True, collapse


def _web(message: Message, _now: float) -> Way:
    headers = message.webpush_headers
    ttl = headers.get("ttl", "")
    tag = (message.webpush.get("notification") or {}).get("tag") or ""
    return headers.get("topic", ""), float(ttl) if ttl.isdecimal() else WEB_LIFE, True, str(tag)
