"""Makes APNs requests: all but the path, the `apns-id` and what templates render is built once for all devices."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.flow.device import Device
from shared.flow.identity import notification_prefix, notification_suffix
from shared.flow.message import Message
from shared.flow.send import Duplicates, Problem
from shared.providers.apns.compose import Notification, compose
from shared.providers.apns.rules import body_of
from shared.providers.apns.settings import ApnsSettings
from shared.providers.apns.topics import DEMANDS, topic_for
from shared.providers.body import compact
from shared.providers.contract import RENDERING, Context, Headers, Made, Refusal, Requests
from shared.providers.once import shown_once
from shared.templates.bodies import Bodies, bodies_of
from shared.templates.places import leaves

PATH: Final = "/3/device/"
TOKEN: Final = re.compile(r"[0-9a-fA-F]{2,512}")
"""In pairs of digits; Apple, Registering your app with APNs: do not assume a length."""
_TOO_LARGE: Final = Refusal(pointer="", detail="too long once it is rendered", reason="PayloadTooLarge")
_NO_TOKEN: Final = Refusal(pointer="/token", detail="not hexadecimal", reason="BadDeviceToken", suspect=True)


@dataclass(frozen=True, slots=True)
class PreparedApns:
    """One body for all devices, or one of each device's own; the path and the id are always its own."""

    headers: Headers
    body: bytes
    id_prefix: str
    refusal: Refusal | None = None
    own: Bodies | None = None
    limit: int = 0
    """Bytes of a body, where each device has its own."""
    aside: bool = False

    def requests(self, devices: Sequence[Device]) -> Made:
        """The requests for these devices."""
        if self.refusal is not None:
            return Made(Requests(0, (), b""), (), [(device, self.refusal) for device in devices])
        well_formed, prefix = TOKEN.fullmatch, self.id_prefix
        good = [device for device in devices if well_formed(device.token) and not len(device.token) & 1]
        paths = [PATH + device.token.lower() for device in good]
        ids = [prefix + notification_suffix(device.id) for device in good]
        refused: Sequence[tuple[Device, Refusal]] = ()
        if len(good) < len(devices):
            sent = {device.id for device in good}
            refused = [(device, _NO_TOKEN) for device in devices if device.id not in sent]
        made = Made(Requests(len(good), paths, self.body, ids, "apns-id"), good, refused)
        return made if self.own is None else made.each(self.own.of(good), self._unfit)

    def _unfit(self, body: bytes) -> Refusal | None:
        return None if len(body) <= self.limit else _TOO_LARGE


def prepare(message: Message, settings: ApnsSettings, context: Context) -> PreparedApns:
    """The message for one variant; a message that is too long is refused for every device."""
    notification = _composed(message)
    prefix = notification_prefix(context.send_key)
    topic = topic_for(settings.topic, notification.push_type, notification.topic)
    headers, aside = _headers(notification, topic, context), topic != settings.topic
    if leaves(message, "apns"):
        return replace(_own(message, notification, headers, prefix, context), aside=aside)
    body = body_of(notification)
    return PreparedApns(
        headers=headers,
        body=body if isinstance(body, bytes) else b"",
        id_prefix=prefix,
        refusal=_refusal(body, notification, context.now),
        aside=aside,
    )


def _own(message: Message, notification: Notification, headers: Headers, prefix: str, context: Context) -> PreparedApns:
    """With templates."""
    try:
        own = bodies_of(message, "apns", context.variant, lambda marked: compact(_composed(marked).payload))
    except ValueError:  # the door has let it through once; it is not asked again what it thinks
        return PreparedApns(headers, b"", prefix, RENDERING)
    limit = DEMANDS[notification.push_type].limit
    return PreparedApns(headers, b"", prefix, _refusal(b"", notification, context.now), own, limit)


def _composed(message: Message) -> Notification:
    return compose(message, message.raw_for("apns") or {})


def _refusal(body: bytes | Problem, notification: Notification, now: datetime) -> Refusal | None:
    if isinstance(body, Problem):
        return Refusal(pointer=body.pointer, detail=body.detail, reason="PayloadTooLarge")
    wished = notification.expiration
    if isinstance(wished, int) and 0 < wished <= now.timestamp():
        return Refusal(pointer="/apns/expiration", detail="has passed", reason="expiration_passed")
    return None


def _headers(notification: Notification, topic: str, context: Context) -> Headers:
    headers = [
        ("apns-topic", topic),
        ("apns-push-type", notification.push_type),
        ("apns-priority", str(notification.priority)),
        ("apns-expiration", str(expiration(notification, context))),
    ]
    collapse_id = notification.collapse_id or _derived_collapse_id(notification, context)
    if collapse_id is not None:
        # Header values are octets (RFC 9110, section 5.5); who writes them encodes this one as UTF-8.
        headers.append(("apns-collapse-id", collapse_id))
    return tuple(headers)


def expiration(notification: Notification, context: Context) -> int:
    """`apns-expiration`: 0 if asked for or if the push type is of no use later, else the deadline at the latest."""
    wished = notification.expiration
    if wished == 0 or (wished is None and not DEMANDS[notification.push_type].store):
        return 0
    deadline = _seconds(context.deadline, context.now)
    return deadline if not isinstance(wished, int) else min(wished, deadline)


def _seconds(deadline: datetime, now: datetime) -> int:
    # Rounded down, as nothing may come late; but never into the past, which would be lost without a word.
    return max(math.floor(deadline.timestamp()), math.floor(now.timestamp()) + 1)


def _derived_collapse_id(notification: Notification, context: Context) -> str | None:
    # It merges notifications that are shown (Apple, Sending notification requests). Other push types show nothing to
    # merge: background keeps only the newest anyway, a Live Activity goes by its timestamp, a call is a call.
    if context.duplicates is Duplicates.COLLAPSE and notification.push_type == "alert":
        return shown_once(context.send_key)
    return None
