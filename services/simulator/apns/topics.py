"""Push types, the topic suffix each must have, and how large its payload may be."""

from __future__ import annotations

import re
from dataclasses import dataclass

PAYLOAD_LIMIT = 4096  # bytes (Apple, "Generating a remote notification")
WIDE_PAYLOAD_LIMIT = 5120  # VoIP and broadcast

_BUNDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


@dataclass(frozen=True, slots=True)
class PushType:
    """One value of `apns-push-type`."""

    name: str
    suffix: str = ""
    payload_limit: int = PAYLOAD_LIMIT
    token_only: bool = False  # not with a certificate
    certificate_only: bool = False
    seen: bool = True  # a person sees or hears it


# Apple, "Sending notification requests to APNs", table of apns-push-type
PUSH_TYPES = {
    kind.name: kind
    for kind in (
        PushType("alert"),
        PushType("background", seen=False),
        PushType("location", ".location-query", token_only=True, seen=False),
        PushType("voip", ".voip", WIDE_PAYLOAD_LIMIT),
        PushType("complication", ".complication", seen=False),
        PushType("fileprovider", ".pushkit.fileprovider", seen=False),
        PushType("mdm", certificate_only=True, seen=False),
        PushType("liveactivity", ".push-type.liveactivity", token_only=True),
        PushType("pushtotalk", ".voip-ptt"),
        PushType("widgets", ".push-type.widgets", seen=False),
        PushType("controls", ".push-type.controls", seen=False),
    )
}


def well_formed(topic: str) -> bool:
    """Whether a topic could be one."""
    return _BUNDLE.fullmatch(topic) is not None


def implied(topic: str) -> PushType:
    """The push type of a request that names none: what its topic's suffix says."""
    suffixed = (kind for kind in PUSH_TYPES.values() if kind.suffix and topic.endswith(kind.suffix))
    return next(suffixed, PUSH_TYPES["alert"])


def bundle_of(topic: str, kind: PushType) -> str | None:
    """The app of a topic, or None if the topic is not one of this push type."""
    if implied(topic).suffix != kind.suffix:
        return None
    return topic.removesuffix(kind.suffix)
