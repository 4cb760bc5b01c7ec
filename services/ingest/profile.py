"""What an app says about a device when it registers it."""

import math
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.flow.audience import Tag, User
from shared.flow.language_tag import canonical_locale
from shared.flow.local_time import Zone
from shared.flow.model import Travelling
from shared.flow.rules import CATEGORIES, Category
from shared.flow.version import MOST_TEXT, order_of

ATTRIBUTES: Final = 50
TEXT: Final = 256
WHOLE: Final = 2**53
"""Whole numbers beyond this are not the same in every JSON reader (RFC 8259, section 6)."""
NO_CONTROL: Final = r"^[^\x00-\x1f\x7f]+$"


def _locale(value: str) -> str:
    canonical = canonical_locale(value)
    if canonical is None:
        raise PydanticCustomError("locale", "no language tag, as in de or pt-BR")
    return canonical


def _version(value: str) -> str:
    if order_of(value) is None:
        raise PydanticCustomError("version", "no version: numbers joined by dots, as in 2.10.3 or 2.0-rc.1")
    return value


def _attribute(value: Any) -> Any:
    fits = (
        value is None
        or isinstance(value, bool)
        or (isinstance(value, str) and len(value) <= TEXT)
        or (isinstance(value, int) and abs(value) <= WHOLE)
        or (isinstance(value, float) and math.isfinite(value))
    )
    if not fits:
        raise PydanticCustomError("attribute", "a text of at most 256 characters, a number, true, false or null")
    return value


_ATTRIBUTE_SCHEMA: Final = {
    "anyOf": [
        {"type": "string", "maxLength": TEXT},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
    ]
}
DeviceToken = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=NO_CONTROL)]
Installation = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=NO_CONTROL)]
AttributeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
Attribute = Annotated[Any, BeforeValidator(_attribute), WithJsonSchema(_ATTRIBUTE_SCHEMA)]
Locale = Annotated[str, StringConstraints(max_length=35), AfterValidator(_locale)]
Version = Annotated[str, StringConstraints(max_length=MOST_TEXT), AfterValidator(_version)]


class Profile(Travelling):
    """What is left out stays as it was; null removes it."""

    user: User | None = Field(default=None, description="whose device it is now, in the backend's words")
    tags: Annotated[tuple[Tag, ...], Field(max_length=100)] | None = None
    attributes: Annotated[dict[AttributeName, Attribute], Field(max_length=ATTRIBUTES)] | None = None
    locale: Locale | None = Field(default=None, description="a language tag, as in `pt-BR`")
    zone: Zone | None = Field(default=None, description="an IANA time zone, as in `Europe/Berlin`")
    app_version: Version | None = Field(default=None, description="as in `2.10.3`; compared part by part")
    os_version: Version | None = Field(default=None, description="of the operating system, as in `17.4`")
    categories: Annotated[dict[Category, bool], Field(max_length=CATEGORIES)] | None = Field(
        default=None, description="which kinds of messages it wants (true) or does not want (false)"
    )

    def said(self) -> dict[str, Any]:
        """What was said, by field; None for what is to be removed."""
        given, values = self.model_fields_set, self.__dict__
        said = {name: values[name] for name in PROFILED if name in given}
        if said.get("tags"):
            said["tags"] = list(dict.fromkeys(said["tags"]))
        return said


PROFILED: Final = tuple(Profile.model_fields)
