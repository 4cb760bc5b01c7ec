"""A request that has been read: whom it is for, and what each platform makes of it.

Platform blocks override the top level: `data` as a whole, `notification` key by key (the protocol reference, B.2).
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.simulator.fcm.schema import TARGETS

MAX_TTL = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Message:
    target_kind: str  # fid | token | topic | condition; empty when none was given
    target: str
    fields: dict[str, Any]
    validate_only: bool = False

    @property
    def android(self) -> dict[str, Any]:
        return self.fields.get("android") or self.fields.get("android_v2") or {}

    @property
    def apns(self) -> dict[str, Any]:
        return self.fields.get("apns") or {}

    @property
    def webpush(self) -> dict[str, Any]:
        return self.fields.get("webpush") or {}

    @property
    def collapse_key(self) -> str:
        return self.android.get("collapse_key") or ""

    @property
    def ttl(self) -> timedelta:
        return self.android.get("ttl", MAX_TTL)  # type: ignore[no-any-return]  # the reader made it one

    @property
    def apns_headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in (self.apns.get("headers") or {}).items()}

    @property
    def webpush_headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in (self.webpush.get("headers") or {}).items()}

    @property
    def analytics_label(self) -> str:
        return str(_options(self.android) or _options(self.fields) or "")

    @property
    def apns_bytes(self) -> int:
        """The size of the payload that APNs would get: the block's own, with data and alert that FCM puts in."""
        payload = {**(self.fields.get("data") or {}), **(self.apns.get("payload") or {})}
        payload["aps"] = {"alert": self.notification_for("ios"), **(payload.get("aps") or {})}
        return len(json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode())

    def block(self, kind: str) -> dict[str, Any]:
        return {"android": self.android, "web": self.webpush}.get(kind, {})

    def data_for(self, kind: str) -> dict[str, str]:
        own = self.block(kind).get("data")
        return own if own is not None else self.fields.get("data") or {}

    def notification_for(self, kind: str) -> dict[str, Any]:
        """What is displayed; empty for a message that is data only. On Apple devices the alert of the payload rules."""
        shown = {**(self.fields.get("notification") or {}), **(self.block(kind).get("notification") or {})}
        if kind == "ios":
            alert = ((self.apns.get("payload") or {}).get("aps") or {}).get("alert")
            shown |= alert if isinstance(alert, dict) else {"body": alert} if alert else {}
        return shown


def message_of(request: dict[str, Any]) -> Message:
    """From the fields as the reader returns them, by proto name."""
    fields = request.get("message") or {}
    kind = next((name for name in TARGETS if fields.get(name)), "")
    return Message(kind, fields.get(kind, ""), fields, bool(request.get("validate_only")))


def _options(block: dict[str, Any]) -> str | None:
    return (block.get("fcm_options") or {}).get("analytics_label")
