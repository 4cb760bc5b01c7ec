"""What a filter may compare to: the type of each field, which operators it has, and how its values are read. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from pydantic_core import PydanticCustomError

from shared.flow.language_tag import canonical_locale, language_of
from shared.flow.version import order_of

Value = str | int | float | bool
Place = tuple[str | int, ...]
"""The end of a JSON pointer, in parts."""
Kind = Literal["tags", "text", "locale", "language", "version", "time", "attribute"]
KINDS: Final[Mapping[str, Kind]] = {
    "tags": "tags", "user": "text", "platform": "text", "zone": "text", "locale": "locale", "language": "language",
    "app_version": "version", "os_version": "version", "registered_at": "time",
}  # fmt: skip
RANGE: Final = ("gt", "gte", "lt", "lte")
OPERATORS: Final = ("eq", "in", *RANGE, "exists")
ALLOWED: Final[Mapping[Kind, frozenset[str]]] = {
    "tags": frozenset({"eq", "in", "exists"}),
    "text": frozenset({"eq", "in", "exists"}),
    "locale": frozenset({"eq", "in", "exists"}),
    "language": frozenset({"eq", "in", "exists"}),
    "version": frozenset(OPERATORS),
    "time": frozenset(RANGE),
    "attribute": frozenset(OPERATORS),
}
TEXT: Final = 256
WHOLE: Final = 2**53
"""Whole numbers beyond this are not the same in every JSON reader (RFC 8259, section 6)."""
_AGO: Final = re.compile(r"-(\d{1,5})([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def value_of(value: Any) -> Any:
    """A value as JSON has it: a text, a number, true or false. Refuses everything else, objects above all."""
    fits = (
        value is None
        or isinstance(value, bool)
        or (isinstance(value, str) and len(value) <= TEXT and "\x00" not in value)
        or (isinstance(value, int) and abs(value) <= WHOLE)
        or (isinstance(value, float) and math.isfinite(value))
    )
    if not fits:
        raise PydanticCustomError("value", "a text of at most 256 characters, a number, true or false")
    return value


def kind_of(field: str) -> Kind:
    """The type of a field."""
    return "attribute" if field.startswith("attributes.") else KINDS[field]


def field_problem(field: str, used: Mapping[str, Any]) -> tuple[Place, str] | None:
    """What is wrong with these operators and values for this field, and where it stands beside the field; or None."""
    kind = kind_of(field)
    for name, operand in used.items():
        if name not in ALLOWED[kind]:
            allowed = ", ".join(one for one in OPERATORS if one in ALLOWED[kind])
            return (name,), f"{field} has no {name}; it has {allowed}"
        for number, value in enumerate(operand if name == "in" else (operand,)):
            problem = None if name == "exists" else _value_problem(kind, name, value)
            if problem is not None:
                return (name, number) if name == "in" else (name,), f"{name}: {problem}"
    return None


def _value_problem(kind: Kind, operator: str, value: Value | None) -> str | None:
    if value is None:
        return "null is no value; ask for exists: false"
    if kind == "attribute":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return "only numbers are less or greater" if operator in RANGE and not is_number else None
    if not isinstance(value, str):
        return "a text"
    fits, wanted = TEXTS.get(kind, (lambda _: True, ""))
    return wanted if fits(value) in (None, False) else None


def _is_language(value: str) -> bool:
    return canonical_locale(value) is not None and language_of(value) == value.lower()


def compared(field: str, value: Value) -> Value:
    """The value in the one spelling that devices are compared by."""
    kind = kind_of(field)
    if kind == "locale":
        return canonical_locale(str(value)) or value
    if kind == "language":
        return str(value).lower()
    return (order_of(str(value)) or value) if kind == "version" else value


def moment(value: str) -> datetime | timedelta | None:
    """A time, or how long before now; None if it is neither."""
    ago = _AGO.fullmatch(value)
    if ago is not None:
        return int(ago[1]) * _UNITS[ago[2]]
    try:
        at = datetime.fromisoformat(value)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def at(value: str, now: datetime) -> str:
    """The same time, said without reference to now, in whole milliseconds as the store keeps them."""
    found = moment(value)
    fixed = now - found if isinstance(found, timedelta) else found or now
    return fixed.astimezone(UTC).isoformat(timespec="milliseconds")


TEXTS: Final[Mapping[Kind, tuple[Callable[[str], object], str]]] = {
    "version": (order_of, "a version: numbers joined by dots, as in 2.10.3 or 2.0-rc.1"),
    "time": (moment, "a time with its offset, as in 2030-01-31T00:00:00Z, or one before now, as in -30d, -12h, -30m"),
    "locale": (canonical_locale, "a language tag, as in de or pt-BR"),
    "language": (_is_language, "a language alone, as in pt; the whole tag is the field locale"),
}
"""Which texts a field may be compared to, and what is said about others."""
