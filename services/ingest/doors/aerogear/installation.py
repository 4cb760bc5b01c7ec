"""An installation as the UnifiedPush Server takes it (its class Installation), and what it is as a device here. Pure.

Its alias is the user, its categories are the tags, its type and operating system are attributes. A registration says
all of it: what it leaves out, the device has no more.
"""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field, RootModel, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from services.ingest.doors.aerogear.mapping import DEVICE_TYPE
from services.ingest.profile import TEXT, DeviceToken
from shared.flow.audience import Tag
from shared.flow.model import Travelling
from shared.flow.version import order_of

OPERATING_SYSTEM: Final = "operating_system"
NAMES: Final = {"apns": "ios", "fcm": "android"}
"""What the UnifiedPush Server calls a platform."""
_APPLE: Final = re.compile(r"(?:[0-9a-fA-F]{2}){32,}")
_BETWEEN: Final = re.compile(r"[ -]")


def _names(value: Any) -> Any:
    """Texts, or what it exports: objects with a name."""
    if not isinstance(value, list):
        return () if value is None else value
    return tuple(one["name"] if isinstance(one, dict) and one.keys() == {"name"} else one for one in value)


def _enabled(value: Any) -> Any:
    if value not in (True, None):
        raise PydanticCustomError("enabled", "a device that is registered is served; unregister it instead")
    return True


Named = Annotated[str, StringConstraints(max_length=TEXT)]
_NAMES: Final = {
    "anyOf": [
        {"type": "array", "maxItems": 100, "items": {"anyOf": [
            {"type": "string", "minLength": 1, "maxLength": 64},
            {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        ]}},
        {"type": "null"},
    ]
}  # fmt: skip


class Described(Travelling):
    """What an app says of its device."""

    model_config = ConfigDict(alias_generator=to_camel)

    device_type: Named | None = Field(default=None, description="as in iPad, or a phone's model")
    operating_system: Named | None = None
    os_version: Named | None = Field(default=None, description="what is no version is not kept")
    alias: Named | None = Field(default=None, description="whose device it is")
    categories: Annotated[tuple[Tag, ...], Field(max_length=100), BeforeValidator(_names), WithJsonSchema(_NAMES)] = ()
    id: str | None = Field(default=None, description="no effect: the device's id is Carillon's")
    platform: str | None = Field(default=None, description="no effect: it is the variant's")

    def said(self) -> dict[str, Any]:
        """The profile of the device."""
        attributes = {DEVICE_TYPE: self.device_type, OPERATING_SYSTEM: self.operating_system}
        return {
            "user": self.alias or None,
            "tags": list(dict.fromkeys(self.categories)),
            "attributes": {name: value for name, value in attributes.items() if value} or None,
            "os_version": self.os_version if self.os_version and order_of(self.os_version) else None,
        }


class Installation(Described):
    """What is posted to `/rest/registry/device`."""

    device_token: DeviceToken
    enabled: Annotated[bool, BeforeValidator(_enabled), WithJsonSchema({"enum": [True, None]})] = True


class Imported(Described):
    """One of many: without a token, or disabled, it is passed over."""

    device_token: Annotated[str, StringConstraints(max_length=4096)] | None = None
    enabled: bool | None = True


MOST: Final = 100_000
"""Installations of one file: each becomes an object of its own."""


class ImportedFile(RootModel[tuple[Imported, ...]]):
    """The file that is posted to `/rest/registry/device/importer`."""

    model_config = ConfigDict(frozen=True)
    root: Annotated[tuple[Imported, ...], Field(max_length=MOST)]


class Category(Travelling):
    """A category, as it is answered."""

    name: str


class Registered(Travelling):
    """The installation as it was posted, with the device's id; nothing that was known of it before."""

    model_config = ConfigDict(alias_generator=to_camel, serialize_by_alias=True, validate_by_name=True)

    id: str
    enabled: bool = True
    device_token: str
    device_type: str | None = None
    operating_system: str | None = None
    os_version: str | None = None
    alias: str | None = None
    categories: tuple[Category, ...] = ()
    platform: str


def spelled(token: str, platform: str) -> str | None:
    """The token of a platform without what some add to it, or None if it is none."""
    if platform != "apns":
        return token or None
    digits = _BETWEEN.sub("", token)
    return digits if _APPLE.fullmatch(digits) else None
