"""Reads JSON the way Google's transcoder does: lenient in spelling and numbers, exact in kinds, one text per violation.

Snake and camel names, numbers as strings, enum names in any case, null as absent; an unknown name, a wrong kind or a
second member of a oneof is a violation (the protocol reference, B.2 and F4).
"""

import json
import math
import re
from datetime import datetime, timedelta
from typing import Any

from services.simulator.fcm.schema import Choice, Field, Known, Record, Scalar

Violation = tuple[str, str]  # field, description
INT32 = range(-(2**31), 2**31)
DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")


class Unreadable(Exception):  # noqa: N818  (a fact about a value, caught in this file)
    """The value is not of the kind."""


def parse(body: bytes, record: Record) -> tuple[dict[str, Any], list[Violation]]:
    """The values by proto name, with every violation found; a body that is no JSON object is one violation."""
    try:
        value = json.loads(body.decode() or "{}", parse_constant=_no_constant)
    except (ValueError, RecursionError, Unreadable) as error:
        reason = getattr(error, "msg", "Unexpected token.")
        return {}, [("", f"Invalid JSON payload received. {reason}")]
    if not isinstance(value, dict):
        return {}, [("", "Invalid JSON payload received. Root element must be a message.")]
    return read(value, record)


def _no_constant(_name: str) -> None:
    raise Unreadable


def read(value: dict[str, Any], record: Record) -> tuple[dict[str, Any], list[Violation]]:
    found: list[Violation] = []
    return _record(value, record, "", found), found


def _record(value: dict[str, Any], record: Record, path: str, found: list[Violation]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    chosen: set[str] = set()
    for name, given in value.items():
        field = record.by_name.get(name)
        if field is None:
            found.append((path, _unknown(name, path, "Cannot find field.")))
        elif given is None:  # proto3 JSON: null is the same as absent
            continue
        elif field.oneof is not None and field.oneof in chosen:
            text = f"oneof field '{field.oneof}' is already set. Cannot set '{field.name}'"
            found.append((path, f"Invalid value at '{path}' (oneof), {text}"))
        else:
            if field.oneof is not None:
                chosen.add(field.oneof)
            out[field.name] = _field(given, field, _join(path, field.name), found)
    return out


def _field(given: Any, field: Field, path: str, found: list[Violation]) -> Any:
    if field.mapped:
        return _map(given, field, path, found)
    if field.repeated:  # a single value is taken as a list of one
        many = given if isinstance(given, list) else [given]
        return [_value(each, field, f"{path}[{index}]", found) for index, each in enumerate(many)]
    if isinstance(given, list):
        why = "Proto field is not repeating, cannot start list."
        return _note(_unknown(field.name, _parent(path), why), path, found)
    return _value(given, field, path, found)


def _map(given: Any, field: Field, path: str, found: list[Violation]) -> Any:
    if not isinstance(given, dict):
        text = _unknown(field.name, _parent(path), "Cannot bind a list to map.") if isinstance(given, list) else ""
        return _note(text or f"Invalid value at '{path}' (Map), {_shown(given)}", path, found)
    return {key: _value(each, field, f"{path}[{n}].value", found) for n, (key, each) in enumerate(given.items())}


def _value(given: Any, field: Field, path: str, found: list[Violation]) -> Any:
    if isinstance(field.kind, Record):
        if isinstance(given, dict):
            return _record(given, field.kind, path, found)
        return _note(f"Invalid value at '{path}' ({field.kind.name}), {_shown(given)}", path, found)
    try:
        return READERS[type(field.kind)](given, field.kind)
    except Unreadable as why:
        kind = field.kind.name if isinstance(field.kind, Choice) else field.kind.value
        return _note(f"Invalid value at '{path}' ({kind}), {str(why) or _shown(given)}", path, found)


def _scalar(given: Any, kind: Scalar) -> Any:
    match kind:
        case Scalar.STRING:
            if isinstance(given, str):
                return given
        case Scalar.BOOL:
            if isinstance(given, bool):
                return given
            if given in ("true", "false"):
                return given == "true"
        case Scalar.INT32:
            number = _number(given)
            if number.is_integer() and int(number) in INT32:
                return int(number)
        case Scalar.FLOAT:
            return _number(given)
    raise Unreadable


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise Unreadable
    try:
        number = float(given)
    except (ValueError, OverflowError):
        raise Unreadable from None
    if not math.isfinite(number):
        raise Unreadable
    return number


def _choice(given: Any, kind: Choice) -> str:
    if isinstance(given, str) and given.upper() in kind.values:
        return given.upper()
    number = _number(given) if not isinstance(given, str) or given.isdecimal() else -1.0
    if number.is_integer() and 0 <= number < len(kind.values):
        return kind.values[int(number)]
    raise Unreadable


def _known(given: Any, kind: Known) -> Any:
    match kind:
        case Known.STRUCT:
            if isinstance(given, dict):
                return given
        case Known.DURATION:
            if isinstance(given, str) and DURATION.fullmatch(given):
                return timedelta(seconds=float(given[:-1]))
            if isinstance(given, str) and not given.endswith("s"):
                raise Unreadable("Illegal duration format; duration must end with 's'")
        case Known.TIMESTAMP:
            return _timestamp(given)
    raise Unreadable


def _timestamp(given: Any) -> datetime:
    try:
        when = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise Unreadable from None
    if when.tzinfo is None or "T" not in given.upper():
        raise Unreadable
    return when


READERS: dict[type, Any] = {Scalar: _scalar, Choice: _choice, Known: _known}


def _note(text: str, path: str, found: list[Violation]) -> Any:
    found.append((path, text))
    return None


def _unknown(name: str, path: str, why: str) -> str:
    place = f" at '{path}'" if path else ""
    return f'Invalid JSON payload received. Unknown name "{name}"{place}: {why}'


def _shown(given: Any) -> str:
    return json.dumps(given, ensure_ascii=False)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _parent(path: str) -> str:
    return path.rpartition(".")[0]
