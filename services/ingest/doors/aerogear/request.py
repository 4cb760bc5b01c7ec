"""A message as the UnifiedPush Server takes it: every field of its model; what cannot be done is refused by name.

Sources: its classes UnifiedPushMessage, Message, APNs, Criteria and Config (2.5), Windows (1.2), and what its Java and
Node senders put on the wire.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue, RootModel, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.ingest.doors.aerogear.values import Flag, Texts, Whole, refused
from shared.flow.message import MOST_BADGE
from shared.flow.model import Travelling
from shared.flow.timing import MAX_TTL

MOST: Final = 1000
"""Messages of one batch."""
UNSET: Final = -1
"""What badge and ttl are when nothing is said: the Java sender says so."""
PUSH_ID: Final = "aerogear-push-id"
"""The key under which an app finds the name of the message, to tell that it was opened."""
_WINDOWS: Final = "there is no delivery to Windows"
_OLD: Final = "SimplePush is served by nobody any more"


def _priority(value: Any) -> Any:
    return (value.lower() if isinstance(value, str) else value) or "normal"


def _user_data(value: Any) -> Any:
    return {} if value is None else value


def _own(value: dict[str, Any]) -> dict[str, Any]:
    if PUSH_ID in value:
        raise PydanticCustomError("push_id", f"the name {PUSH_ID} is the server's own")
    return value


def _chosen(value: Any) -> Any:
    if value == []:  # there, it reaches nobody; to everybody else it would read as nothing said
        raise PydanticCustomError("nobody", "names no variant; leave it out for all of them")
    return value


def _within(most: int, otherwise: str) -> AfterValidator:
    def check(value: int | None) -> int | None:
        if value is not None and not UNSET <= value <= most:
            raise PydanticCustomError("range", f"a whole number from 0 to {most}, or {otherwise}")
        return value

    return AfterValidator(check)


Priority = Annotated[
    Literal["normal", "high"],
    BeforeValidator(_priority),
    WithJsonSchema({"enum": ["normal", "high", "NORMAL", "HIGH", None]}),
]
Key = Annotated[str, Field(min_length=1, max_length=256)]


class Hyphened(Travelling):
    """Words joined by hyphens."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))


class Apns(Hyphened):
    """What only Apple devices get."""

    title: str | None = None
    action: str | None = Field(default=None, description="the label of the action button")
    action_category: str | None = None
    url_args: Texts = Field(default=(), description="for Safari")
    localized_key: str | None = None
    localized_arguments: Texts = ()
    localized_title_key: str | None = None
    localized_title_arguments: Texts = ()
    title_loc_key: str | None = Field(default=None, description="what the Node sender calls `localized-title-key`")
    title_loc_args: Texts = Field(default=(), description="what it calls `localized-title-arguments`")
    content_available: Flag = False
    mutable_content: Flag = False


class Windows(Travelling):
    """What only Windows devices got, until version 2.0."""

    type: Annotated[JsonValue, refused(_WINDOWS)] = None
    duration: Annotated[JsonValue, refused(_WINDOWS)] = None
    badge: Annotated[JsonValue, refused(_WINDOWS)] = None
    tileType: Annotated[JsonValue, refused(_WINDOWS)] = None  # noqa: N815  # its name
    toastType: Annotated[JsonValue, refused(_WINDOWS)] = None  # noqa: N815
    images: Annotated[JsonValue, refused(_WINDOWS)] = None
    textFields: Annotated[JsonValue, refused(_WINDOWS)] = None  # noqa: N815
    page: Annotated[JsonValue, refused(_WINDOWS)] = None


class Wanted(Travelling):
    """What to say."""

    alert: str | None = None
    sound: str | None = None
    badge: Annotated[Whole, _within(MOST_BADGE, "-1 for none")] = Field(
        default=UNSET, description="the number itself, it is not added to anything; -1: none"
    )
    priority: Priority = Field(default="normal", description="Android")
    user_data: Annotated[dict[Key, JsonValue], BeforeValidator(_user_data), AfterValidator(_own)] = Field(
        default_factory=dict, alias="user-data", description="handed to the app"
    )
    apns: Apns | None = None
    windows: Windows | None = Field(default=None, description="refused")
    simple_push: Annotated[JsonValue, refused(_OLD)] = Field(default=None, alias="simple-push", description="refused")
    consolidationKey: Annotated[  # noqa: N815  # its name
        JsonValue, refused("it is for Amazon devices, and there is no delivery to them")
    ] = Field(default=None, description="refused")


class Criteria(Travelling):
    """Whom to tell: who fits all that is given; everyone if nothing is."""

    alias: Texts = Field(default=(), description="any of these users")
    categories: Texts = Field(default=(), description="with any of these categories")
    deviceType: Texts = Field(default=(), description="of any of these types")  # noqa: N815  # its name
    variants: Annotated[Texts, BeforeValidator(_chosen)] = Field(default=(), description="of these variants, by id")


class Config(Travelling):
    """How to send it."""

    ttl: Annotated[Whole, _within(int(MAX_TTL.total_seconds()), "-1 for the default")] = Field(
        default=UNSET, description="seconds; 0: now or never; -1: the default of 24 hours"
    )


class UnifiedPush(Travelling):
    """What is posted to `/rest/sender`."""

    message: Wanted
    criteria: Criteria | None = None
    config: Config | None = None


class UnifiedPushes(RootModel[tuple[UnifiedPush, ...]]):
    """What is posted to `/rest/sender/batch`."""

    model_config = ConfigDict(frozen=True)
    root: Annotated[tuple[UnifiedPush, ...], Field(min_length=1, max_length=MOST)]


class EmptyAnswer(Travelling):
    """As the UnifiedPush Server answers: an empty object."""
