"""Fields that take only some words, or nothing at all: how each is checked, and what the contract says of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import GetCoreSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

NO_WEB: Final = "there is no web push here: nothing reaches browsers"
PLATFORMS: Final = {"A": "apns", "G": "fcm"}
_ELSEWHERE: Final = ("WEB_CHROME", "WEB_FIREFOX", "WEB_SAFARI", "APPEXT_CHROME", "W")


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Stands beside a field's type: a check of what was read, and the schema in the place of the type's."""

    check: Callable[[Any], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, *_: object) -> JsonSchemaValue:
        return dict(self.schema)


def refused(why: str) -> Checked:
    """Nothing: what IBM has and Carillon has not."""

    def check(value: Any) -> Any:
        if value is None:
            return value
        raise PydanticCustomError("not_here", "{why}", {"why": why})

    return Checked(check, {"type": "null", "description": f"refused: {why}"})


def one_of(*words: str) -> Checked:
    """One of these, in whatever case: IBM's clients write both, and the app gets it as it was written."""

    def check(value: str) -> str:
        if value.upper() in words:
            return value
        raise PydanticCustomError("one_of", "one of {words}", {"words": ", ".join(words)})

    return Checked(check, {"type": "string", "enum": list(words), "description": "in whatever case"})


def _of_platform(value: str) -> str:
    if value in PLATFORMS:
        return value
    why = NO_WEB if value in _ELSEWHERE else "A (Apple) or G (Google)"
    raise PydanticCustomError("platform", "{why}", {"why": why})


Platform = Annotated[str, Checked(_of_platform, {"type": "string", "enum": list(PLATFORMS)})]
