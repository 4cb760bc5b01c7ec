"""How the devices that fit a filter may be come at: by stretches of facets that hold all of them, and maybe some more.

Each candidate is enough by itself; what else there is in it, the whole filter takes out. Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from shared.flow.facets import Stretch, day_stretches, exactly, number_stretches, of_language
from shared.flow.filter import Filter
from shared.flow.filter_values import RANGE, Value, compared, kind_of, moment
from shared.flow.version import order_of

Candidate = tuple[Stretch, ...]
BEYOND: Final = ";"
"""Sorts behind a colon and behind all digits."""
MOST: Final = 300
"""Stretches in one candidate; more looks for each chunk than that cost more than passing devices over."""
PREFIX: Final = {"tags": "t:", "locale": "l:", "language": "l:", "zone": "z:", "app_version": "v:", "os_version": "o:"}


def candidates(one: Filter) -> tuple[Candidate, ...]:
    """In the order of the conditions: what each of those that must hold together offers. Empty: no index helps."""
    if one.and_ is not None:
        return tuple(found for each in one.and_ for found in candidates(each))
    if one.or_ is not None:
        return _of_all(one.or_)
    found = _leaf(one) if one.field is not None else None
    return (found,) if found is not None and len(found) <= MOST else ()


def _of_all(branches: Sequence[Filter]) -> tuple[Candidate, ...]:
    """Of alternatives each must be come at: by the narrowest look that it offers."""
    joined: list[Stretch] = []
    for each in branches:
        offered = candidates(each)
        if not offered:
            return ()
        joined += min(offered, key=_width)
    found = tuple(dict.fromkeys(joined))
    return (found,) if len(found) <= MOST else ()


def _width(one: Iterable[Stretch]) -> tuple[int, int]:
    """Without counting: single facets are narrower than stretches, and few narrower than many."""
    wide = [each.low != each.high for each in one]
    return sum(wide), len(wide)


def _leaf(one: Filter) -> Candidate | None:
    """None: of a negation, and of what has no facets."""
    field, used = one.field or "", one.operators()
    values = (used["eq"],) if "eq" in used else used.get("in")
    if values is not None:
        return _points(field, values)
    if any(name in used for name in RANGE):
        return _range(one, field)
    return _present(field) if used.get("exists") else None


def _points(field: str, values: Sequence[Value]) -> Candidate | None:
    if field == "language":
        return tuple(dict.fromkeys(of_language(str(compared(field, value))) for value in values))
    if field.startswith("attributes."):
        found = [exactly(field.partition(".")[2], value) for value in values]
    elif field in PREFIX:
        found = [f"{PREFIX[field]}{compared(field, value)}" for value in values]
    else:
        return None
    return tuple(Stretch(each, each) for each in dict.fromkeys(found))


def _range(one: Filter, field: str) -> Candidate:
    """Both ends belong to it: the filter itself knows which do not."""
    key = _sorting(field)
    lows = [key(value) for value in (one.gt, one.gte) if value is not None]
    highs = [key(value) for value in (one.lt, one.lte) if value is not None]
    low, high = max(lows, default=None), min(highs, default=None)
    kind = kind_of(field)
    if kind == "time":
        return tuple(day_stretches(low, high))
    if kind == "attribute":
        return tuple(number_stretches(field.partition(".")[2], low, high))
    return (Stretch(PREFIX[field] + (low or ""), PREFIX[field] + (high or BEYOND)),)


def _sorting(field: str) -> Callable[[Any], Any]:
    kind = kind_of(field)
    if kind == "time":
        return moment
    return (lambda value: value) if kind == "attribute" else order_of


def _present(field: str) -> Candidate | None:
    """Tags and users are too many to look for each."""
    if field.startswith("attributes."):
        facet = f"a:{field.partition('.')[2]}"
        return (Stretch(facet, facet),)
    prefix = PREFIX.get(field) if field != "tags" else None
    return (Stretch(prefix, prefix[0] + BEYOND),) if prefix else None
