"""What answers have in common: IBM's camel-cased names, no nulls, times in whole seconds, and where things are."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, model_serializer
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared.flow.model import Travelling

PREFIX: Final = "/imfpush/v1/apps"
NOBODY: Final = "anonymous"
"""The user of a device that has none: their SDKs compare with this word."""
CREATED_MODE: Final = "API"
LARGEST: Final = 500
"""Lines of a page."""


class Camel(Travelling):
    """What is asked: their names; null is as good as nothing."""

    model_config = ConfigDict(alias_generator=to_camel)


class Said(Travelling):
    """What is answered: their names; what there is not is left out, because their parsers know no null."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Of what is left out: it may be missing and is never null; everything else is always there."""
        fields = {to_camel(name): field for name, field in cls.model_fields.items()}
        said = handler({name: value for name, value in schema.items() if name != "serialization"})
        for name, of in said["properties"].items():
            if fields[name].default is None:
                of.update(next(one for one in of.pop("anyOf") if one != {"type": "null"}))
                del of["default"]
        said["required"] = [name for name, field in fields.items() if field.default is not None]
        return said


class PageInfo(Said):
    """Which part of a list it is."""

    count: int
    total_count: int
    next: str = ""
    previous: str = ""


class Page(Camel):
    """Which part of a list is asked for."""

    FURTHEST: ClassVar[int] = 10_000
    offset: int = Field(default=0, ge=0, le=FURTHEST)
    size: int = Field(default=100, ge=1, le=LARGEST)
    expand: bool = Field(default=False, description="no effect: every line is whole")

    def info(self, where: str, count: int, total: int) -> PageInfo:
        """What is told of it; `next` leads no further than what may be asked for."""
        after, before = self.offset + self.size, max(self.offset - self.size, 0)
        return PageInfo(
            count=count,
            total_count=total,
            next=self._at(where, after) if after < total and after <= self.FURTHEST else "",
            previous=self._at(where, before) if self.offset else "",
        )

    def _at(self, where: str, offset: int) -> str:
        """The same question from another line on."""
        asked = self.model_dump(by_alias=True, exclude={"offset", "size", "expand"}, exclude_none=True)
        return f"{where}?{urlencode({'offset': offset, 'size': self.size, **asked})}"


def when(moment: datetime) -> str:
    """As in `2015-05-20T11:42:11Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def place(app: str, *parts: str) -> str:
    """The path of a thing."""
    return "/".join((PREFIX, app, *(quote(part, safe="") for part in parts)))
