"""What APNs, or the device, would refuse or drop without a word: told at the door, by the place in the message."""

from collections.abc import Iterator, Sequence
from typing import Final

from shared.flow.message import Message
from shared.flow.send import Problem
from shared.providers.apns.compose import Notification
from shared.providers.apns.settings import ApnsSettings
from shared.providers.apns.topics import DEMANDS, within
from shared.providers.body import compact
from shared.providers.once import collapse_id_unfit
from shared.providers.pointer import pointer

_SHOWN: Final = ("alert", "badge", "sound")
_LIVE: Final = ("timestamp", "event")
_LIVE_START: Final = ("alert", "attributes-type", "attributes")


def message_problems(message: Message, notification: Notification, limit: int = 0) -> Iterator[Problem]:
    """What is wrong with it whichever variant it goes to. `limit`: bytes of payload, if not the push type's."""
    yield from _names(message)
    if isinstance(problem := body_of(notification, limit), Problem):
        yield problem
    if notification.push_type == "background":
        yield from _background(notification)
    if notification.push_type == "liveactivity":
        yield from _live_activity(notification)
    elif not 0 <= notification.aps.get("relevance-score", 0) <= 1:
        yield Problem(pointer="/apns/aps/relevance-score", detail="0 to 1, except for Live Activities")
    if notification.push_type == "mdm" and not isinstance(notification.payload.get("mdm"), str):
        yield Problem(pointer="/apns/payload/mdm", detail="an MDM push is its PushMagic string")


def variant_problems(notification: Notification, variants: Sequence[ApnsSettings]) -> Iterator[Problem]:
    """What is wrong with sending it to these variants."""
    wanted = DEMANDS[notification.push_type].token_auth
    for variant in variants:
        if wanted is not None and wanted != variant.by_token:
            means = "token" if wanted else "certificate"
            yield Problem(
                pointer="/apns/push_type",
                detail=f"{notification.push_type} needs {means} authentication; not so for topic {variant.topic}",
            )
        if notification.topic is not None and not within(variant.topic, notification.topic):
            yield Problem(pointer="/apns/topic", detail=f"not within the variant's topic {variant.topic}")


def body_of(notification: Notification, limit: int = 0) -> bytes | Problem:
    """The payload as it goes out, or why it cannot."""
    try:
        body = compact(notification.payload)
    except ValueError:
        return Problem(pointer="", detail="holds a number or a character that JSON in UTF-8 cannot say")
    limit = limit or DEMANDS[notification.push_type].limit
    if len(body) <= limit:
        return body
    detail = f"{len(body)} bytes as an APNs payload; at most {limit} for {notification.push_type}"
    return Problem(pointer="", detail=detail)


def _names(message: Message) -> Iterator[Problem]:
    if "aps" in message.data:
        yield Problem(pointer="/data/aps", detail="the name aps belongs to Apple")
    for name in ("link", "image"):
        if name in message.data and getattr(message, name) not in (None, message.data[name]):
            yield Problem(pointer=pointer("data", name), detail=f"{name} is given twice")
    if message.actions and "actions" in message.data:
        yield Problem(pointer="/data/actions", detail="actions is given twice")
    if message.collapse_key is not None and (unfit := collapse_id_unfit(message.collapse_key)):
        yield Problem(pointer="/collapse_key", detail=unfit)


def _background(notification: Notification) -> Iterator[Problem]:
    for key in _SHOWN:
        if key in notification.aps:
            yield Problem(pointer="/apns/push_type", detail=f"a background push shows nothing; {key} makes it an alert")
    if notification.priority == 10:  # noqa: PLR2004  # Apple's number
        yield Problem(pointer="/apns/priority", detail="10 is an error for a background push; give 5 or leave it out")
    if "content-available" not in notification.aps:
        yield Problem(pointer="/apns/aps/content-available", detail="must be 1 for a background push")


def _live_activity(notification: Notification) -> Iterator[Problem]:
    needed = _LIVE + (_LIVE_START if notification.aps.get("event") == "start" else ())
    for key in needed:
        if key not in notification.aps:
            yield Problem(pointer=pointer("apns", "aps", key), detail="a Live Activity needs it")
