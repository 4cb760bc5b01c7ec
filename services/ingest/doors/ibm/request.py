"""A message as IBM's REST API takes it: every documented field; what cannot be done here is refused by name."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, JsonValue, RootModel, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.ingest.doors.ibm.wording import Camel
from services.ingest.doors.ibm.words import NO_WEB, Platform, one_of, refused
from shared.flow.audience import NAMED_MAX, Tag, User
from shared.providers.fcm.android import MAX_TTL

MOST: Final = 1000
"""Messages in one request."""
_CHANNELS: Final = "channels are not kept here: make them in the app"
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Texts = tuple[str, ...]
Payload = dict[str, JsonValue]
NotHere = Annotated[JsonValue, refused(NO_WEB)]
Flag = bool | Literal["true", "false"]
"""The SDK for Swift writes these as text."""
DeviceName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Message(Camel):
    """`message`."""

    alert: str | None = None
    url: str | None = None


class Apns(Camel):
    """`settings.apns`."""

    badge: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    interactive_category: Name | None = None
    category: Name | None = None
    ios_action_key: str | None = None
    payload: Payload | None = None
    sound: Name | None = None
    title_loc_key: str | None = None
    title_loc_args: Texts | None = None
    loc_key: str | None = None
    loc_args: Texts | None = None
    launch_image: str | None = None
    title: str | None = None
    subtitle: str | None = None
    attachment_url: str | None = None
    type: Annotated[str, one_of("DEFAULT", "MIXED", "SILENT")] | None = None
    apns_collapse_id: Name | None = None
    apns_thread_id: Name | None = None
    apns_group_summary_arg: str | None = None
    apns_group_summary_arg_count: int | None = None

    @property
    def silent(self) -> bool:
        """Whether it shows nothing."""
        return (self.type or "").upper() == "SILENT"


class Lights(Camel):
    """`settings.gcm.lights`; IBM's SDKs do not agree on whether the times are numbers."""

    led_argb: str | None = None
    led_on_ms: int | str | None = None
    led_off_ms: int | str | None = None


class Style(Camel):
    """`settings.gcm.style`."""

    type: Annotated[str, one_of("BIGTEXT_NOTIFICATION", "INBOX_NOTIFICATION", "PICTURE_NOTIFICATION")] | None = None
    title: str | None = None
    url: str | None = None
    text: str | None = None
    lines: Texts | None = None


class Gcm(Camel):
    """`settings.gcm`."""

    collapse_key: Name | None = None
    interactive_category: Name | None = None
    icon: str | None = None
    delay_while_idle: Flag | None = Field(default=None, description="no effect: FCM has given it up")
    sync: Flag | None = Field(default=None, description="no effect: it rested on upstream messages, which Google ended")
    visibility: Annotated[str, one_of("PUBLIC", "PRIVATE", "SECRET")] | None = None
    redact: str | None = None
    bridge: Flag | None = None
    payload: Payload | None = None
    priority: Annotated[str, one_of("DEFAULT", "MIN", "LOW", "HIGH", "MAX")] | None = None
    sound: str | None = None
    time_to_live: Annotated[float, Field(ge=0, le=MAX_TTL)] | None = None
    lights: Lights | None = None
    android_title: str | None = None
    group_id: str | None = None
    style: Style | None = None
    type: Annotated[str, one_of("DEFAULT", "SILENT")] | None = None
    channel_id: Annotated[JsonValue, refused(_CHANNELS)] = None

    @property
    def silent(self) -> bool:
        """Whether it shows nothing."""
        return (self.type or "").upper() == "SILENT"


class Settings(Camel):
    """`settings`."""

    apns: Apns | None = None
    gcm: Gcm | None = None
    fcm: Gcm | None = Field(default=None, description="the same, as IBM's builders call it")
    firefox_web: NotHere = None
    chrome_web: NotHere = None
    safari_web: NotHere = None
    chrome_app_ext: NotHere = None
    wns: Annotated[JsonValue, refused("Windows is not among the platforms here")] = None

    @model_validator(mode="after")
    def _android_once(self) -> Self:
        if self.gcm is not None and self.fcm is not None:
            raise PydanticCustomError("twice", "gcm and fcm are the same: give one of them")
        return self

    @property
    def android(self) -> Gcm | None:
        """Settings for Android, by either name."""
        return self.gcm or self.fcm


class Target(Camel):
    """`target`: one of these; nothing at all is everyone."""

    device_ids: Annotated[tuple[DeviceName, ...], Field(max_length=NAMED_MAX)] | None = None
    user_ids: Annotated[tuple[User, ...], Field(max_length=NAMED_MAX)] | None = None
    platforms: tuple[Platform, ...] | None = None
    tag_names: Annotated[tuple[Tag, ...], Field(max_length=100)] | None = None


class PushMessage(Camel):
    """What is posted to `/messages`."""

    message: Message
    settings: Settings | None = None
    target: Target | None = None
    validate_: bool = Field(default=False, alias="validate", description="whether every named device must be known")


class PushMessages(RootModel[Annotated[tuple[PushMessage, ...], Field(min_length=1, max_length=MOST)]]):
    """What is posted to `/messages/bulk`."""
