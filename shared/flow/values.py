"""What a send says of each of its recipients: values for templates, given with the send and kept nowhere else."""

import math
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

MOST_VALUES: Final = 50
MOST_TEXT: Final = 1024
MOST_ITEMS: Final = 50
WHOLE: Final = 2**53
"""Whole numbers beyond this are not the same in every JSON reader (RFC 8259, section 6)."""


def _is_single(value: Any) -> bool:
    return (
        isinstance(value, bool)
        or (isinstance(value, str) and len(value) <= MOST_TEXT)
        or (isinstance(value, int) and abs(value) <= WHOLE)
        or (isinstance(value, float) and math.isfinite(value))
    )


def _is_value(value: Any) -> Any:
    some = isinstance(value, list) and len(value) <= MOST_ITEMS and all(map(_is_single, value))
    if value is None or _is_single(value) or some:
        return value
    detail = f"a text of at most {MOST_TEXT:,} characters, a number, true, false, null, or a list of up to {MOST_ITEMS}"
    raise PydanticCustomError("value", "{detail}", {"detail": detail})


_SINGLE: Final[list[dict[str, Any]]] = [
    {"type": "string", "maxLength": MOST_TEXT},
    {"type": "number"},
    {"type": "boolean"},
]
_SCHEMA: Final = {
    "anyOf": [*_SINGLE, {"type": "null"}, {"type": "array", "maxItems": MOST_ITEMS, "items": {"anyOf": _SINGLE}}]
}
ValueName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
Value = Annotated[Any, BeforeValidator(_is_value), WithJsonSchema(_SCHEMA)]
Values = Annotated[dict[ValueName, Value], Field(max_length=MOST_VALUES)]
