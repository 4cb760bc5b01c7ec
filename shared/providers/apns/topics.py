"""What push types demand: topic suffix, authentication, size (Apple, Sending notification requests to APNs)."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

PushType = Literal[
    "alert",
    "background",
    "location",
    "voip",
    "complication",
    "fileprovider",
    "mdm",
    "liveactivity",
    "pushtotalk",
    "widgets",
    "controls",
]
PUSH_TYPES: Final[tuple[PushType, ...]] = get_args(PushType)

TOPIC: Final = r"^[A-Za-z0-9][A-Za-z0-9.-]{0,254}$"
"""A bundle id (Apple, CFBundleIdentifier: letters, digits, hyphens, periods), with or without a suffix."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What one push type demands."""

    suffix: str = ""
    """What follows the bundle id in the topic."""
    token_auth: bool | None = None
    """Only with a token (True), only with a certificate (False), or either."""
    limit: int = 4096
    """Bytes of payload."""
    store: bool = True
    """Whether APNs should keep it for a device that is offline, unless the sender says otherwise."""


DEMANDS: Final[dict[PushType, Demands]] = {
    "alert": Demands(),
    "background": Demands(),
    "location": Demands(".location-query", token_auth=True),
    "voip": Demands(".voip", limit=5120, store=False),
    "complication": Demands(".complication"),
    "fileprovider": Demands(".pushkit.fileprovider"),
    "mdm": Demands(token_auth=False),
    "liveactivity": Demands(".push-type.liveactivity", token_auth=True),
    "pushtotalk": Demands(".voip-ptt", store=False),
    "widgets": Demands(".push-type.widgets"),
    "controls": Demands(".push-type.controls"),
}


def topic_for(bundle: str, push_type: PushType, wished: str | None = None) -> str:
    """The `apns-topic`: the sender's, else the bundle id and the push type's suffix (which it may have already)."""
    suffix = DEMANDS[push_type].suffix
    return wished or (bundle if suffix and bundle.endswith(suffix) else bundle + suffix)


def within(bundle: str, topic: str) -> bool:
    """Whether a topic belongs to the variant's bundle."""
    return topic == bundle or topic.startswith(bundle + ".")
