"""What a send says: one unified message, and raw blocks by platform that win over it.

A raw block is a key named like a platform (`apns`, `fcm`); its schema belongs to that provider's folder. A key that is
no platform is refused by the provider registry, by name.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from shared.flow.action import Actions, ActionTitle
from shared.flow.locale import spelled
from shared.flow.model import Travelling

MOST_BADGE: Final = 2**31 - 1
MOST_TEXT: Final = 4096
MOST_TRANSLATIONS: Final = 50
MOST_FALLBACKS: Final = 100
RawBlock = dict[str, JsonValue]
LanguageTag = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$")]
Languages = Annotated[tuple[LanguageTag, ...], Field(max_length=10)]
Text = Annotated[str, StringConstraints(max_length=MOST_TEXT)]
_URL: Final = re.compile(r"https?://\S+")


def _is_url(value: str, info: ValidationInfo) -> str:
    """A template becomes an address only for a device."""
    if not info.data.get("template") and _URL.fullmatch(value) is None:
        raise PydanticCustomError("url", "an address that begins with http:// or https://")
    return value


def _is_badge(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and info.data.get("template") and len(value) <= MOST_TEXT:
        return value
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not whole or not 0 <= value <= MOST_BADGE:
        raise PydanticCustomError("badge", "a whole number from 0 to 2147483647, or with template: true a text")
    return int(value)


Url = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_is_url)]
_BADGE_SCHEMA: Final = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MOST_BADGE},
        {"type": "string", "maxLength": MOST_TEXT, "description": "with `template` only"},
    ]
}
Badge = Annotated[int | str, BeforeValidator(_is_badge), WithJsonSchema(_BADGE_SCHEMA)]


def _is_block(value: Any) -> Any:
    if not isinstance(value, dict):
        raise PydanticCustomError("raw_block", "unknown field; a raw block, named like its platform, is an object")
    return value


def _one_a_language(value: dict[str, "Translation"]) -> dict[str, "Translation"]:
    if len({spelled(tag) for tag in value}) < len(value):
        raise PydanticCustomError("localized", "two translations for one language tag: pt-BR is pt_br")
    return value


class Translation(Travelling):
    """What a message says in another language: nothing that it does not say itself. What is left out stays."""

    title: Text | None = None
    subtitle: Text | None = None
    body: Text | None = None
    image: Annotated[str, StringConstraints(max_length=2048)] | None = None
    sound: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    link: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = None
    data: dict[Annotated[str, StringConstraints(min_length=1, max_length=256)], str] = Field(default_factory=dict)
    actions: dict[str, ActionTitle] = Field(default_factory=dict, description="titles of actions, by their ids")

    @property
    def said(self) -> tuple[str, ...]:
        """The fields that it gives."""
        return tuple(name for name in type(self).model_fields if getattr(self, name))


class Message(Travelling):
    """The unified message. How each field lands on a platform is in the README's table."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[RawBlock, BeforeValidator(_is_block)]]

    template: bool = Field(
        default=False, description="every text is a template, rendered for each device; names in `data` are not"
    )
    title: Text | None = None
    subtitle: Text | None = None
    body: Text | None = None
    image: Url | None = None
    sound: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None, description="a sound file of the app, or `default`"
    )
    badge: Badge | None = None
    link: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        default=None, description="what a tap opens; handed to the app as data"
    )
    category: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    thread: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    data: dict[Annotated[str, StringConstraints(min_length=1, max_length=256)], str] = Field(
        default_factory=dict, description="handed to the app; values are strings on every platform"
    )
    actions: Actions = Field(default=(), description="buttons, in this order")
    priority: Literal["high", "normal"] = "high"
    collapse_key: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None, description="a newer message with the same key replaces an older one on the device"
    )
    localized: Annotated[
        dict[LanguageTag, Translation], Field(max_length=MOST_TRANSLATIONS), AfterValidator(_one_a_language)
    ] = Field(
        default_factory=dict,
        description="by language tag: what devices of that locale get; `pt` serves pt-BR too, the longest tag wins",
    )
    fallbacks: Annotated[dict[LanguageTag, Languages], Field(max_length=MOST_FALLBACKS)] = Field(
        default_factory=dict,
        description="by language tag: the languages that come next where there is no translation; last is the message",
    )

    @property
    def translations(self) -> dict[str, Translation]:
        """By tag in its one spelling."""
        return {spelled(tag): translation for tag, translation in self.localized.items()}

    @property
    def fallback_chains(self) -> dict[str, tuple[str, ...]]:
        """By tag in its one spelling."""
        return {spelled(tag): others for tag, others in self.fallbacks.items()}

    def translated(self, tag: str) -> "Message":
        """In one of its languages, by the one spelling of its tag."""
        translation = self.translations[tag]
        update = {name: getattr(translation, name) for name in translation.said}
        if translation.data:
            update["data"] = {**self.data, **translation.data}
        if translation.actions:
            said = translation.actions
            update["actions"] = tuple(
                one.model_copy(update={"title": said.get(one.id, one.title)}) for one in self.actions
            )
        return self.model_copy(update={**update, "localized": {}})

    @property
    def raw(self) -> dict[str, RawBlock]:
        """The raw blocks by platform."""
        return self.__pydantic_extra__

    def raw_for(self, platform: str) -> RawBlock | None:
        """The raw block of one platform, if the sender gave one."""
        return self.__pydantic_extra__.get(platform)
