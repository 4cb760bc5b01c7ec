"""What FCM would refuse: told at the door, by the place in the message."""

from collections.abc import Iterator
from typing import Any, Final

from shared.flow.message import Message
from shared.flow.send import Problem
from shared.providers.body import compact
from shared.providers.fcm.compose import Json
from shared.providers.merge import merged
from shared.providers.once import collapse_id_unfit
from shared.providers.pointer import pointer

LIMIT: Final = 4096
"""Bytes to one device (Firebase, About FCM messages). How they are counted is not documented; see `size`."""
TOPIC_LIMIT: Final = 2048
"""Bytes to a topic or condition (Firebase, About FCM messages)."""
_RESERVED: Final = frozenset({"from", "message_type"})
_RESERVED_PREFIXES: Final = ("google", "gcm")
"""Newer pages say `google.` and `gcm.notification.`, older ones any word that begins so: kept away from both."""


def message_problems(message: Message, composed: Json) -> Iterator[Problem]:
    """What is wrong with the message whichever project it goes to."""
    yield from _names(message)
    if message.collapse_key is not None and (unfit := collapse_id_unfit(message.collapse_key)):
        yield Problem(pointer="/collapse_key", detail=f"{unfit}, as Apple devices take it")
    if "link" in message.data and message.link not in (None, message.data["link"]):
        yield Problem(pointer="/data/link", detail="link is given twice")
    if message.actions and "actions" in message.data:
        yield Problem(pointer="/data/actions", detail="actions is given twice")
    problem = size_problem(composed)
    if problem is not None:
        yield problem


def size_problem(composed: Json, limit: int = LIMIT) -> Problem | None:
    """Whether it is too long for one of the platforms that the token may belong to."""
    try:
        largest, platform = max((size(composed, one), one) for one in ("android", "apns", "webpush"))
    except ValueError:
        return Problem(pointer="", detail="holds a number or a character that JSON in UTF-8 cannot say")
    if largest <= limit:
        return None
    return Problem(pointer="", detail=f"{largest} bytes as an FCM message ({platform}); at most {limit}")


def size(composed: Json, platform: str) -> int:
    """Bytes of names and values in data and notification, the platform's own over the general ones."""
    own = composed.get(platform, {})
    if platform == "apns":
        # Here the limit is Apple's, on the payload that Firebase makes of it all.
        alert = {key: text for key, text in composed.get("notification", {}).items() if key != "image"}
        payload = merged({"aps": {"alert": alert} if alert else {}} | composed.get("data", {}), own.get("payload", {}))
        return len(compact(payload))
    return sum(_bytes(merged(composed.get(part, {}), own.get(part, {}))) for part in ("data", "notification"))


def _bytes(values: dict[str, Any]) -> int:
    texts = [text for pair in values.items() for text in pair]
    return sum(len(text.encode() if isinstance(text, str) else compact(text)) for text in texts)


def _names(message: Message) -> Iterator[Problem]:
    raw: Any = message.raw_for("fcm") or {}
    places: list[tuple[tuple[str, ...], Any]] = [(("data",), message.data), (("fcm", "data"), raw.get("data"))]
    places += [(("fcm", part, "data"), (raw.get(part) or {}).get("data")) for part in ("android", "webpush")]
    for place, data in places:
        for name in data or ():
            if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
                yield Problem(pointer=pointer(*place, name), detail="the name is reserved by Firebase")
