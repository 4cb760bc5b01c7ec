"""What the messaging service refuses in a request that was read well: a list of checks, each with Google's own answer.

Source: the protocol reference, B.2 ("Rules a simulator must enforce with 400"), rows F5 and F8.
"""

import re
from collections.abc import Callable
from datetime import timedelta

from services.simulator.fcm.condition import TOPIC_NAME, BadCondition, read_condition
from services.simulator.fcm.message import MAX_TTL, Message
from services.simulator.fcm.refusal import Refusal, invalid_message

TOKEN_LIMIT = 4096  # bytes
TOPIC_LIMIT = 2048
RESERVED_KEYS = ("from", "message_type")
RESERVED_PREFIXES = ("google.", "gcm.notification.")
LABEL = re.compile(r"[a-zA-Z0-9\-_.~%]{1,50}")
COLOR = re.compile(r"#[0-9a-fA-F]{6}")

Check = Callable[[Message], Refusal | None]


def _recipient(message: Message) -> Refusal | None:
    if message.target_kind:
        return None
    return invalid_message("Recipient of the message is not set.")


def _topic(message: Message) -> Refusal | None:
    if message.target_kind != "topic" or TOPIC_NAME.fullmatch(message.target):
        return None
    return invalid_message("Invalid topic name.", "message.topic")


def _condition(message: Message) -> Refusal | None:
    if message.target_kind == "condition":
        try:
            read_condition(message.target)
        except BadCondition as why:
            return invalid_message(f"Invalid condition expression provided: {why}.", "message.condition")
    return None


def _reserved_keys(message: Message) -> Refusal | None:
    places = (("message", message.fields), ("message.android", message.android), ("message.webpush", message.webpush))
    for place, block in places:
        for index, key in enumerate(block.get("data") or {}):
            if key in RESERVED_KEYS or key.startswith(RESERVED_PREFIXES):
                return invalid_message(f"Invalid data payload key: {key}", f"{place}.data[{index}].key")
    return None


def _ttl(message: Message) -> Refusal | None:
    if timedelta(0) <= message.ttl <= MAX_TTL:
        return None
    return invalid_message("Invalid time to live: it must be between 0 and 2419200 seconds.", "message.android.ttl")


def _labels(message: Message) -> Refusal | None:
    for place in ("", "android", "android_v2", "apns", "webpush"):
        block = message.fields.get(place) or {} if place else message.fields
        label = (block.get("fcm_options") or {}).get("analytics_label")
        if label is not None and not LABEL.fullmatch(label):
            field = ".".join(part for part in ("message", place, "fcm_options.analytics_label") if part)
            return invalid_message(f"Invalid analytics label: {label}", field)
    return None


def _color(message: Message) -> Refusal | None:
    color = (message.android.get("notification") or {}).get("color")
    if color is None or COLOR.fullmatch(color):
        return None
    return invalid_message("Invalid color: it must be in the form #rrggbb.", "message.android.notification.color")


def _link(message: Message) -> Refusal | None:
    link = (message.webpush.get("fcm_options") or {}).get("link")
    if link is None or link.startswith("https://"):
        return None
    return invalid_message("Invalid link: it must be an HTTPS URL.", "message.webpush.fcm_options.link")


def _android_v2(message: Message) -> Refusal | None:
    given = message.fields.get("android_v2")
    if given is None or "remote_notification" in given or "background_sync" in given:
        return None
    return invalid_message("One of remote_notification and background_sync must be set.", "message.android_v2")


def _size(message: Message) -> Refusal | None:
    limit = TOPIC_LIMIT if message.target_kind in ("topic", "condition") else TOKEN_LIMIT
    if max(payload_bytes(message, kind) for kind in ("android", "web")) <= limit:
        return None
    return invalid_message("Message too big")


def payload_bytes(message: Message, kind: str) -> int:
    """Google does not publish the accounting: bytes of the data's keys and values and of what is displayed."""
    data = sum(len(key.encode()) + len(value.encode()) for key, value in message.data_for(kind).items())
    shown = message.notification_for(kind)
    return data + sum(len(value.encode()) for key, value in shown.items() if isinstance(value, str) and key != "tag")


CHECKS: tuple[Check, ...] = (
    _recipient,
    _topic,
    _condition,
    _reserved_keys,
    _ttl,
    _labels,
    _color,
    _link,
    _android_v2,
    _size,
)


def refused(message: Message) -> Refusal | None:
    return next((found for check in CHECKS if (found := check(message)) is not None), None)
