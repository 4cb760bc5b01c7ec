"""A request as gorush takes it: every field of its README's table; what cannot be done here is refused by name."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue
from pydantic_core import PydanticCustomError

from shared.flow.audience import Token
from shared.flow.model import Travelling

IOS: Final = 1
ANDROID: Final = 2
MOST: Final = 1000


def _refused(why: str) -> AfterValidator:
    def check(value: Any) -> Any:
        if value in (None, "", False):
            return value
        raise PydanticCustomError("not_here", "{why}", {"why": why})

    return AfterValidator(check)


class AndroidNotification(Travelling):
    """gorush's `notification`."""

    icon: str | None = None
    tag: str | None = None
    color: str | None = None
    click_action: str | None = None
    body_loc_key: str | None = None
    body_loc_args: tuple[str, ...] | None = None
    title_loc_key: str | None = None
    title_loc_args: tuple[str, ...] | None = None


class Alert(Travelling):
    """gorush's `alert`."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    title: str | None = None
    body: str | None = None
    subtitle: str | None = None
    action: str | None = None
    action_loc_key: str | None = None
    launch_image: str | None = None
    loc_args: tuple[str, ...] | None = None
    loc_key: str | None = None
    summary_arg: str | None = None
    summary_arg_count: Annotated[int, Field(ge=0)] | None = None
    title_loc_args: tuple[str, ...] | None = None
    title_loc_key: str | None = None


class Sound(Travelling):
    """gorush's `sound`, if it is no name."""

    critical: Annotated[int, Field(ge=0, le=1)] | None = None
    name: str | None = None
    volume: Annotated[float, Field(ge=0, le=1)] | None = None


Moment = Annotated[int, Field(ge=0, le=2**53)]
"""0 says nothing, as there: its own client always writes one."""


class Notification(Travelling):
    """One notification. What is only for the other platform has no effect, as there."""

    tokens: tuple[Token, ...] = Field(min_length=1, max_length=1_000_000)
    platform: Literal[1, 2] = Field(description="1: iOS, by APNs; 2: Android, by FCM")
    message: str | None = None
    title: str | None = None
    priority: Literal["high", "normal"] | None = None
    content_available: bool = False
    sound: str | Sound | None = None
    data: dict[Annotated[str, Field(min_length=1, max_length=256)], JsonValue] | None = None
    image: str | None = Field(default=None, description="Android")
    collapse_key: str | None = Field(default=None, description="Android")
    time_to_live: Annotated[int, Field(gt=0, le=2_419_200)] | None = Field(default=None, description="Android")
    restricted_package_name: str | None = Field(default=None, description="Android")
    dry_run: bool = Field(default=False, description="Android")
    notification: AndroidNotification | None = Field(default=None, description="Android")
    expiration: Annotated[int, Field(ge=0)] | None = Field(default=None, description="iOS: a UNIX time")
    topic: str | None = Field(default=None, description="iOS: which variant, if there are several")
    push_type: str | None = Field(default=None, description="iOS")
    badge: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(default=None, description="iOS")
    category: str | None = Field(default=None, description="iOS")
    alert: Alert | None = Field(default=None, description="iOS")
    collapse_id: str | None = Field(default=None, description="iOS")
    thread_id: str | None = Field(default=None, alias="thread-id", description="iOS")
    url_args: tuple[str, ...] | None = Field(default=None, alias="url-args", description="iOS")
    interruption_level: str | None = Field(default=None, description="iOS")
    content_state: dict[str, JsonValue] | None = Field(default=None, alias="content-state", description="iOS")
    stale_date: Moment | None = Field(default=None, alias="stale-date", description="iOS: a UNIX time")
    dismissal_date: Moment | None = Field(default=None, alias="dismissal-date", description="iOS: a UNIX time")
    event: str | None = Field(default=None, description="iOS: of a Live Activity")
    timestamp: Moment | None = Field(default=None, description="iOS: a UNIX time")
    mutable_content: bool = Field(default=False, description="iOS")
    name: str | None = Field(default=None, description="iOS: of the sound")
    volume: Annotated[float, Field(ge=0, le=1)] | None = Field(default=None, description="iOS: of the sound")
    production: bool = Field(default=False, description="iOS: by a variant of that environment")
    development: bool = Field(default=False, description="iOS: by a variant of the sandbox")
    notif_id: str | None = Field(default=None, description="no effect: the answer names the sends")
    retry: Annotated[int, Field(ge=0)] | None = Field(default=None, description="no effect: what can be repeated is")
    delay_while_idle: bool = Field(default=False, description="no effect: FCM has given it up")
    api_key: Annotated[JsonValue, _refused("credentials belong to a variant")] = None
    to: Annotated[JsonValue, _refused("name devices in tokens: topics and groups are not sent to")] = None
    condition: Annotated[JsonValue, _refused("topics are not sent to")] = None
    apns_id: Annotated[JsonValue, _refused("Carillon makes its own, the same on every attempt")] = None


class Push(Travelling):
    """What is posted to `/api/push`."""

    notifications: tuple[Notification, ...] = Field(min_length=1, max_length=MOST)


class Pushed(Travelling):
    """As gorush answers; `sends` are ours, one for each notification, to be asked for at `/v1/sends`."""

    success: Literal["ok"] = "ok"
    counts: int = Field(description="tokens")
    logs: tuple[str, ...] = ()
    sends: tuple[str, ...]
