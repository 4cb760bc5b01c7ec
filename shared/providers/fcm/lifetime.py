"""Adds what a send fixes: how long each platform may keep the message, and names by which a repeat is shown once."""

import math
from datetime import timedelta
from typing import Any

from shared.flow.send import Duplicates
from shared.providers.contract import Context
from shared.providers.fcm.android import MAX_TTL, seconds_of
from shared.providers.fcm.compose import Json, shows, shows_on_apple
from shared.providers.merge import merged
from shared.providers.once import shown_once


def bounded_in_time(composed: Json, context: Context) -> Json:
    """The message as it goes out in this context, still without its target."""
    remaining = max(context.deadline - context.now, timedelta())
    added: Json = {"android": {"ttl": _ttl(composed, remaining)}}
    added["apns"] = {"headers": _apns_headers(composed, context)}
    added["webpush"] = {"headers": _web_headers(composed, remaining)}
    if context.duplicates is Duplicates.COLLAPSE and shows(composed) and not _tag(composed):
        added["android"]["notification"] = {"tag": shown_once(context.send_key)}
    return merged(composed, added)


def _tag(composed: Json) -> Any:
    return composed.get("android", {}).get("notification", {}).get("tag")


def _ttl(composed: Json, remaining: timedelta) -> str:
    asked = composed.get("android", {}).get("ttl")
    most = min(MAX_TTL * 1000, remaining // timedelta(milliseconds=1))
    if asked is not None:
        most = min(most, math.floor(seconds_of(asked) * 1000))
    # Whole milliseconds, rounded down: later than the deadline is too late, and 0s is "now or never".
    return f"{most // 1000}.{most % 1000:03d}".rstrip("0").rstrip(".") + "s"


def _web_headers(composed: Json, remaining: timedelta) -> dict[str, str]:
    """RFC 8030, section 5.2: whole seconds."""
    given = composed.get("webpush", {}).get("headers", {})
    name = next((name for name in given if name.lower() == "ttl"), "TTL")
    return {name: str(_lesser(given.get(name), min(MAX_TTL, remaining // timedelta(seconds=1))))}


def _apns_headers(composed: Json, context: Context) -> dict[str, str]:
    given = composed.get("apns", {}).get("headers", {})
    # Rounded down, as nothing may come late; but never into the past, which would be lost without a word.
    deadline = max(math.floor(context.deadline.timestamp()), math.floor(context.now.timestamp()) + 1)
    headers = {"apns-expiration": str(_lesser(given.get("apns-expiration"), deadline))}
    derived = context.duplicates is Duplicates.COLLAPSE and shows_on_apple(composed)
    if derived and "apns-collapse-id" not in given:
        headers["apns-collapse-id"] = shown_once(context.send_key)
    return headers


def _lesser(asked: str | None, most: int) -> int:
    return min(int(asked), most) if asked else most
