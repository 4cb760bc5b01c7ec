"""Values as the UnifiedPush Server's JSON reader takes them: null for what is not said, numbers and flags as texts."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.flow.audience import NAMED_MAX

_FLAGS: Final = {"true": True, "false": False, "": False, "1": True, "0": False}


def _flag(value: Any) -> Any:
    found = _FLAGS.get(str(value).lower()) if isinstance(value, bool | int | str) else None
    if value is not None and found is None:
        raise PydanticCustomError("flag", "true or false")
    return bool(found)


def _whole(value: Any) -> Any:
    digits = value.removeprefix("-") if isinstance(value, str) else ""
    if digits.isascii() and digits.isdigit() and len(digits) <= 10:  # noqa: PLR2004  # digits of the largest
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | None):
        raise PydanticCustomError("whole", "a whole number")
    return value


def _several(value: Any) -> Any:
    return () if value is None else tuple(value) if isinstance(value, list) else value


def _said(value: Any) -> bool:
    """Whether it says anything: the Java sender names every field of its model, with null where nothing is said."""
    if isinstance(value, dict):
        return any(map(_said, value.values()))
    return value is not None and value not in ("", False, [])


def refused(why: str) -> AfterValidator:
    """What cannot be done here: nothing but what says nothing."""

    def check(value: Any) -> Any:
        if _said(value):
            raise PydanticCustomError("not_here", "{why}", {"why": why})
        return value

    return AfterValidator(check)


Flag = Annotated[
    bool,
    BeforeValidator(_flag),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": [0, 1, "true", "false", None]}]}),
]
Whole = Annotated[
    int | None,
    BeforeValidator(_whole),
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]{1,10}$"}, {"type": "null"}]}
    ),
]
Texts = Annotated[
    tuple[str, ...],
    Field(max_length=NAMED_MAX),
    BeforeValidator(_several),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}),
]
