"""The request of `messages:send` as data: every field's name, kind and place, so that one reader checks them all.

Source: the protocol reference, B.2 (the v1 REST reference). Names are proto names; the reader knows their camel form.
"""

from dataclasses import dataclass, field
from enum import Enum

PACKAGE = "type.googleapis.com/google.firebase.fcm.v1"


class Scalar(Enum):
    STRING = "TYPE_STRING"
    BOOL = "TYPE_BOOL"
    INT32 = "TYPE_INT32"
    FLOAT = "TYPE_FLOAT"


class Known(Enum):
    """Google's well-known types that have a JSON form of their own."""

    DURATION = "type.googleapis.com/google.protobuf.Duration"
    TIMESTAMP = "type.googleapis.com/google.protobuf.Timestamp"
    STRUCT = "type.googleapis.com/google.protobuf.Struct"


@dataclass(frozen=True, slots=True)
class Choice:
    """An enum: its full name and its values in order of their numbers."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: "Scalar | Known | Choice | Record"
    repeated: bool = False
    mapped: bool = False  # map<string, kind>
    oneof: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A message type. `by_name` holds every accepted spelling: proto name and lowerCamelCase."""

    name: str
    fields: tuple[Field, ...]
    by_name: dict[str, Field] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        spelled = {spelling: each for each in self.fields for spelling in (each.name, camel(each.name))}
        object.__setattr__(self, "by_name", spelled)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _strings(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Scalar.STRING) for name in names)


def _bools(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Scalar.BOOL) for name in names)


PRIORITY = Choice(f"{PACKAGE}.AndroidConfig.AndroidMessagePriority", ("NORMAL", "HIGH"))
NOTIFICATION_PRIORITY = Choice(
    f"{PACKAGE}.AndroidNotification.NotificationPriority",
    ("PRIORITY_UNSPECIFIED", "PRIORITY_MIN", "PRIORITY_LOW", "PRIORITY_DEFAULT", "PRIORITY_HIGH", "PRIORITY_MAX"),
)
VISIBILITY = Choice(
    f"{PACKAGE}.AndroidNotification.Visibility", ("VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET")
)
PROXY = Choice(f"{PACKAGE}.AndroidNotification.Proxy", ("PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"))

FCM_OPTIONS = Record(f"{PACKAGE}.FcmOptions", _strings("analytics_label"))
NOTIFICATION = Record(f"{PACKAGE}.Notification", _strings("title", "body", "image"))
COLOR = Record(
    "type.googleapis.com/google.type.Color",
    tuple(Field(name, Scalar.FLOAT) for name in ("red", "green", "blue", "alpha")),
)
LIGHT_SETTINGS = Record(
    f"{PACKAGE}.LightSettings",
    (
        Field("color", COLOR),
        Field("light_on_duration", Known.DURATION),
        Field("light_off_duration", Known.DURATION),
    ),
)
ANDROID_NOTIFICATION = Record(
    f"{PACKAGE}.AndroidNotification",
    (
        *_strings("title", "body", "icon", "color", "sound", "tag", "click_action", "body_loc_key", "title_loc_key"),
        *_strings("channel_id", "ticker", "image"),
        Field("body_loc_args", Scalar.STRING, repeated=True),
        Field("title_loc_args", Scalar.STRING, repeated=True),
        *_bools("sticky", "local_only", "default_sound", "default_vibrate_timings", "default_light_settings"),
        *_bools("bypass_proxy_notification"),
        Field("event_time", Known.TIMESTAMP),
        Field("notification_priority", NOTIFICATION_PRIORITY),
        Field("vibrate_timings", Known.DURATION, repeated=True),
        Field("visibility", VISIBILITY),
        Field("notification_count", Scalar.INT32),
        Field("light_settings", LIGHT_SETTINGS),
        Field("proxy", PROXY),
    ),
)
_ANDROID_FIELDS = (
    *_strings("collapse_key", "restricted_package_name"),
    *_bools("direct_boot_ok", "bandwidth_constrained_ok", "restricted_satellite_ok"),
    Field("ttl", Known.DURATION),
    Field("data", Scalar.STRING, mapped=True),
    Field("notification", ANDROID_NOTIFICATION),
    Field("fcm_options", FCM_OPTIONS),
)
ANDROID = Record(f"{PACKAGE}.AndroidConfig", (*_ANDROID_FIELDS, Field("priority", PRIORITY)))
# Before general availability: what is inside the two choices is not published, so anything is taken there.
ANDROID_V2 = Record(
    f"{PACKAGE}.AndroidConfigV2",
    (
        *_ANDROID_FIELDS,
        Field("priority", PRIORITY),
        Field("remote_notification", Known.STRUCT, oneof="message_type"),
        Field("background_sync", Known.STRUCT, oneof="message_type"),
    ),
)
APNS = Record(
    f"{PACKAGE}.ApnsConfig",
    (
        Field("headers", Scalar.STRING, mapped=True),
        Field("payload", Known.STRUCT),
        Field("fcm_options", Record(f"{PACKAGE}.ApnsFcmOptions", _strings("analytics_label", "image"))),
        *_strings("live_activity_token"),
    ),
)
WEBPUSH = Record(
    f"{PACKAGE}.WebpushConfig",
    (
        Field("headers", Scalar.STRING, mapped=True),
        Field("data", Scalar.STRING, mapped=True),
        Field("notification", Known.STRUCT),
        Field("fcm_options", Record(f"{PACKAGE}.WebpushFcmOptions", _strings("link", "analytics_label"))),
    ),
)
TARGETS = ("fid", "token", "topic", "condition")
MESSAGE = Record(
    f"{PACKAGE}.Message",
    (
        *_strings("name"),
        Field("data", Scalar.STRING, mapped=True),
        Field("notification", NOTIFICATION),
        Field("android", ANDROID),
        Field("android_v2", ANDROID_V2),
        Field("webpush", WEBPUSH),
        Field("apns", APNS),
        Field("fcm_options", FCM_OPTIONS),
        *(Field(name, Scalar.STRING, oneof="target") for name in TARGETS),
    ),
)
SEND_REQUEST = Record(f"{PACKAGE}.SendMessageRequest", (Field("message", MESSAGE), *_bools("validate_only")))
