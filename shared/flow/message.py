"""What a send says: one unified message, and raw blocks by platform that win over it.

A raw block is a key named like a platform (`apns`, `fcm`); its schema belongs to that provider's folder. A key that is
no platform is refused by the provider registry, by name.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints
from pydantic_core import PydanticCustomError

from shared.flow.model import Travelling

Text = Annotated[str, StringConstraints(max_length=4096)]
Url = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://[^\s]+$")]
RawBlock = dict[str, JsonValue]


def _is_block(value: Any) -> Any:
    if not isinstance(value, dict):
        raise PydanticCustomError("raw_block", "unknown field; a raw block, named like its platform, is an object")
    return value


class Message(Travelling):
    """The unified message. How each field lands on a platform is in the README's table."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[RawBlock, BeforeValidator(_is_block)]]

    title: Text | None = None
    subtitle: Text | None = None
    body: Text | None = None
    image: Url | None = None
    sound: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None, description="a sound file of the app, or `default`"
    )
    badge: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    link: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        default=None, description="what a tap opens; handed to the app as data"
    )
    category: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    thread: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    data: dict[Annotated[str, StringConstraints(min_length=1, max_length=256)], str] = Field(
        default_factory=dict, description="handed to the app; values are strings on every platform"
    )
    priority: Literal["high", "normal"] = "high"
    collapse_key: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None, description="a newer message with the same key replaces an older one on the device"
    )

    @property
    def raw(self) -> dict[str, RawBlock]:
        """The raw blocks by platform."""
        return self.__pydantic_extra__

    def raw_for(self, platform: str) -> RawBlock | None:
        """The raw block of one platform, if the sender gave one."""
        return self.__pydantic_extra__.get(platform)
