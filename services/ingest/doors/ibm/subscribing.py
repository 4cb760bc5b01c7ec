"""What is asked and answered about subscriptions, in IBM's words. In lists every value is a text: their parsers ask."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, RootModel, model_validator
from pydantic_core import PydanticCustomError

from services.ingest.doors.ibm.refusing import MISSING
from services.ingest.doors.ibm.request import DeviceName
from services.ingest.doors.ibm.wording import Camel, Page, PageInfo, Said
from shared.flow.audience import Tag

MOST: Final = 100
"""Tags in one request."""


class Several(Camel):
    """What is posted to `/subscriptions`: one tag, or several."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["tagName"]}, {"required": ["tagNames"]}]})

    device_id: DeviceName
    tag_name: Tag | None = None
    tag_names: Annotated[tuple[Tag, ...], Field(min_length=1, max_length=MOST)] | None = None

    @model_validator(mode="after")
    def _names_tags(self) -> Self:
        if (self.tag_name is None) == (self.tag_names is None):
            raise PydanticCustomError("tags", "give either tagName or tagNames")
        return self

    @property
    def tags(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(self.tag_names or (self.tag_name or "",)))


class Action(Camel):
    """What to do with what is posted."""

    action: Literal["delete"] | None = None


class Named(Camel):
    """Which subscription, in a query."""

    device_id: DeviceName
    tag_name: Tag


class SubscriptionPage(Page):
    """Which subscriptions are asked for."""

    device_id: DeviceName | None = None
    tag_name: Tag | None = None
    user_id: str | None = None


class Found(Said):
    """One subscription among several."""

    tag_name: str
    subscription_id: str
    device_id: str
    href: str


class Subscription(Found):
    """One subscription."""

    user_id: str | None = None


class Subscriptions(Said):
    """A page of subscriptions; its total counts devices where no device is named."""

    subscriptions: tuple[Subscription, ...]
    page_info: PageInfo


class NotFound(Said):
    """Tags that the app does not offer."""

    tags: tuple[str, ...]
    message: str = "Not Found - Targeted resource 'tagNames' does not exist. Check the 'tags' parameter"
    code: str = MISSING


class Subscribed(Said):
    """What became of each tag that a device was to get."""

    tags_not_found: NotFound
    subscription_exists: tuple[Found, ...]
    subscribed: tuple[Found, ...]


class Unsubscribed(Said):
    """What became of each tag that was to be taken from a device."""

    tags_not_found: NotFound
    subscription_not_exists: tuple[Found, ...]
    unsubscribed: tuple[Found, ...]


class SeveralDone(RootModel[Subscribed | Unsubscribed]):
    """What became of each of several tags."""
