"""Turns the unified message and the raw block into one APNs notification, the raw block winning key by key."""

from dataclasses import dataclass
from typing import Any

from shared.flow.message import Message
from shared.providers.apns.topics import PushType
from shared.providers.merge import merged


@dataclass(frozen=True, slots=True)
class Notification:
    """What the message is on APNs, before it is known for whom and until when."""

    push_type: PushType
    priority: int
    payload: dict[str, Any]
    collapse_id: str | None
    expiration: int | str | None
    topic: str | None

    @property
    def aps(self) -> dict[str, Any]:
        """The `aps` dictionary."""
        found: dict[str, Any] = self.payload.get("aps", {})
        return found


def compose(message: Message, block: dict[str, Any]) -> Notification:
    """The notification; `block` has been checked against its schema."""
    aps = merged(_aps(message), block.get("aps") or {})
    push_type: PushType = block.get("push_type") or ("alert" if _shows(aps) else "background")
    if push_type == "background":
        aps.setdefault("content-available", 1)
    if push_type in ("widgets", "controls"):
        aps.setdefault("content-changed", True)
    custom = merged(_custom(message), block.get("payload") or {})
    return Notification(
        push_type=push_type,
        priority=block.get("priority") or _priority(message, push_type),
        # An MDM push is its PushMagic and nothing else.
        payload=custom if push_type == "mdm" and not aps else {**custom, "aps": aps},
        collapse_id=block.get("collapse_id") or message.collapse_key,
        expiration=block.get("expiration"),
        topic=block.get("topic"),
    )


def _aps(message: Message) -> dict[str, Any]:
    alert = {
        key: text
        for key, text in (("title", message.title), ("subtitle", message.subtitle), ("body", message.body))
        if text is not None
    }
    aps = {
        "alert": alert or None,
        "badge": message.badge,
        "sound": message.sound,
        "thread-id": message.thread,
        "category": message.category,
        # The app's notification service extension fetches the image and registers the actions, which no push can say;
        # without an alert it is never asked.
        "mutable-content": 1 if (message.image or message.actions) and alert else None,
    }
    return {key: value for key, value in aps.items() if value is not None}


def _custom(message: Message) -> dict[str, Any]:
    custom: dict[str, Any] = dict(message.data)
    if message.link is not None:
        custom["link"] = message.link
    if message.image is not None:
        custom["image"] = message.image
    if message.actions:
        custom["actions"] = [one.said for one in message.actions]
    return custom


def _shows(aps: dict[str, Any]) -> bool:
    return any(key in aps for key in ("alert", "badge", "sound"))


def _priority(message: Message, push_type: PushType) -> int:
    # Apple, Sending notification requests: priority 10 is an error for a background notification.
    return 5 if push_type == "background" or message.priority == "normal" else 10
