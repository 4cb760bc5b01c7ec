"""Turns the unified message and the raw block into Firebase's Message, the raw block winning key by key."""

import json
from typing import Any, Final

from shared.flow.message import Message
from shared.providers.merge import merged

Json = dict[str, Any]
_SILENT_ON_APPLE: Final = {
    "apns": {
        "headers": {"apns-push-type": "background", "apns-priority": "5"},
        "payload": {"aps": {"content-available": 1}},
    }
}
"""What Apple demands of a push that shows nothing; Firebase would send it with priority 10, which Apple refuses."""


def compose(message: Message, block: Json) -> Json:
    """The message without target, lifetime and names against repeats; `block` has been checked against its schema."""
    result = merged(_unified(message), block)
    android = result.get("android", {})
    if "priority" in android:
        result["android"] = android = {**android, "priority": android["priority"].upper()}
    if message.collapse_key is not None and shows(result) and "tag" not in android.get("notification", {}):
        result = merged(result, {"android": {"notification": {"tag": message.collapse_key}}})
    return result if shows_on_apple(result) else merged(_SILENT_ON_APPLE, result)


def shows(composed: Json) -> bool:
    """Whether Android and browsers will show a notification of the system's making."""
    return bool(composed.get("notification") or composed.get("android", {}).get("notification"))


def shows_on_apple(composed: Json) -> bool:
    """Whether Apple devices will show, play or badge something."""
    aps = composed.get("apns", {}).get("payload", {}).get("aps", {})
    return bool(composed.get("notification")) or any(key in aps for key in ("alert", "badge", "sound"))


def _unified(message: Message) -> Json:
    notification = _given(title=message.title, body=message.body)
    if notification and message.image is not None:
        notification["image"] = message.image
    return _given(
        notification=notification or None,
        data=_data(message) or None,
        android=_android(message, shown=bool(notification)),
        apns=_given(headers=_apns_headers(message) or None, payload=_apns_payload(message)) or None,
        webpush=_webpush(message, shown=bool(notification)),
    )


def _android(message: Message, *, shown: bool) -> Json:
    # Without a text there is no notification to carry these, and an empty one would be shown for them.
    extras = _given(
        sound=message.sound,
        notification_count=message.badge,
        click_action=message.category,
    )
    return _given(
        priority="HIGH" if message.priority == "high" else "NORMAL",
        collapse_key=message.collapse_key,
        notification=extras if shown and extras else None,
    )


def _apns_headers(message: Message) -> dict[str, str]:
    headers = {} if message.priority == "high" else {"apns-priority": "5"}
    return headers if message.collapse_key is None else headers | {"apns-collapse-id": message.collapse_key}


def _apns_payload(message: Message) -> Json | None:
    alert = _given(title=message.title, subtitle=message.subtitle, body=message.body)
    aps = _given(
        # Firebase makes the alert of title and body itself; it knows no subtitle.
        alert=alert if message.subtitle is not None else None,
        badge=message.badge,
        sound=message.sound,
        category=message.category,
    )
    if message.thread is not None:
        aps["thread-id"] = message.thread
    if (message.image is not None or message.actions) and alert:
        aps["mutable-content"] = 1
    return {"aps": aps} if aps else None


def _webpush(message: Message, *, shown: bool) -> Json | None:
    # Firebase takes https links only here; others reach the page as data.
    link = message.link if message.link is not None and message.link.startswith("https://") else None
    actions = [_given(action=one.id, title=one.title, icon=_address(one.icon)) for one in message.actions]
    return _given(
        fcm_options=None if link is None else {"link": link},
        notification={"actions": actions} if actions and shown else None,
    ) or None  # fmt: skip


def _address(icon: str | None) -> str | None:
    """Other icons are images of an app."""
    return icon if icon is not None and icon.startswith(("https://", "/")) else None


def _data(message: Message) -> Json:
    # Values of data are texts, and Android has no actions but those that an app makes itself.
    said = [one.said for one in message.actions]
    actions = json.dumps(said, separators=(",", ":"), ensure_ascii=False) if said else None
    return dict(message.data) | _given(link=message.link, actions=actions)


def _given(**values: Any) -> Json:
    return {key: value for key, value in values.items() if value is not None}
