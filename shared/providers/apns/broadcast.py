"""Makes the one request of a broadcast: to whoever follows a channel of Live Activities (Apple, Sending broadcast push
notification requests to APNs). Channels themselves are made in Apple's console or by its management API.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shared.flow.device import Device
from shared.flow.identity import notification_prefix, notification_suffix
from shared.flow.message import Message
from shared.flow.send import Problem
from shared.providers.apns.compose import Notification, compose
from shared.providers.apns.payload import expiration
from shared.providers.apns.rules import body_of
from shared.providers.apns.settings import ApnsSettings
from shared.providers.apns.topics import DEMANDS
from shared.providers.contract import Context, Headers, Made, Refusal, Requests

PATH: Final = "/4/broadcasts/apps/"
LIMIT: Final = 5120
"""Bytes of payload."""
EVENTS: Final = ("update", "end")
"""What can be told to many at once; each device starts its own."""


@dataclass(frozen=True, slots=True)
class PreparedBroadcast:
    """One request: the channel stands in the place of a device. `aside`: it has no topic at all."""

    path: str
    headers: Headers
    body: bytes
    id_prefix: str
    refusal: Refusal | None = None
    aside: bool = True

    def requests(self, devices: Sequence[Device]) -> Made:
        """The request."""
        if self.refusal is not None:
            return Made(Requests(0, (), b""), (), [(device, self.refusal) for device in devices])
        ids = [self.id_prefix + notification_suffix(device.id) for device in devices]
        return Made(Requests(len(devices), self.path, self.body, ids, "apns-request-id"), devices)


def prepare(message: Message, settings: ApnsSettings, context: Context) -> PreparedBroadcast:
    """The message for a variant's channel."""
    notification = compose(message, message.raw_for("apns") or {})
    bundle = settings.topic.removesuffix(DEMANDS["liveactivity"].suffix)
    headers = (
        ("apns-channel-id", context.kept),
        ("apns-push-type", "liveactivity"),
        ("apns-priority", str(notification.priority)),
        ("apns-expiration", str(_expiration(notification, context))),
    )
    body = body_of(notification, LIMIT)
    refusal = None
    if isinstance(body, Problem):
        refusal, body = Refusal(pointer=body.pointer, detail=body.detail, reason="PayloadTooLarge"), b""
    return PreparedBroadcast(PATH + bundle, headers, body, notification_prefix(context.send_key), refusal)


def problems(notification: Notification) -> Iterator[Problem]:
    """What is wrong with a message as a broadcast."""
    if notification.push_type != "liveactivity":
        yield Problem(pointer="/apns/push_type", detail="a channel takes liveactivity only")
    elif notification.aps.get("event") not in EVENTS:
        yield Problem(pointer="/apns/aps/event", detail="a channel takes update or end")
    if notification.topic is not None:
        yield Problem(pointer="/apns/topic", detail="a broadcast has no topic")
    if notification.collapse_id is not None:
        yield Problem(pointer="/apns/collapse_id", detail="a broadcast cannot collapse")


def _expiration(notification: Notification, context: Context) -> int:
    """0 unless asked for: a channel that stores nothing takes no other, and which one it is only Apple knows."""
    return 0 if notification.expiration is None else expiration(notification, context)
