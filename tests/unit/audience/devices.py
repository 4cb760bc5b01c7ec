"""Devices as they might register, filters as senders might write them, and what a filter means, said a second time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.flow.filter import Filter
from shared.flow.filter_values import compared, kind_of, moment
from shared.flow.language_tag import language_of
from shared.flow.version import order_of

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
LOCALES = ["de", "de-AT", "en", "en-US", "pt-BR", "zh-Hant-TW"]
ZONES = ["Europe/Berlin", "America/Lima", "UTC"]
VERSIONS = ["1", "1.0", "1.9", "1.10", "2.0-rc.1", "2.0", "2.0.1", "10.0"]
TAGS = ["news", "sport", "$where", "a.b"]
TEXTS = ["gold", "", "$gt", "true", "1"]
NUMBERS = [-1e300, -5.5, -1, 0, 0.1, 1, 7, 127, 128, 1000, 1_700_000_000, 2**53]
AGES = [0, 1, 6, 29, 31, 33, 400, 2000]


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days, minutes=7)


numbers = st.sampled_from(NUMBERS) | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6, allow_nan=False)
attribute_values = st.sampled_from(TEXTS) | numbers | st.booleans()
ATTRIBUTES = ["plan", "age", "a-b"]

devices = st.fixed_dictionaries(
    {"platform": st.sampled_from(["apns", "fcm"]), "registered_at": st.sampled_from(AGES).map(ago)},
    optional={
        "user": st.sampled_from(["ada", "bob"]),
        "tags": st.lists(st.sampled_from(TAGS), unique=True, max_size=3),
        "attributes": st.dictionaries(st.sampled_from(ATTRIBUTES), attribute_values | st.none(), max_size=3),
        "locale": st.sampled_from(LOCALES),
        "zone": st.sampled_from(ZONES),
        "app_version": st.sampled_from(VERSIONS),
        "os_version": st.sampled_from(VERSIONS),
    },
)


def _leaf(field: str, value: Any, *, ranges: bool = False, exists: bool = True) -> st.SearchStrategy[Filter]:
    ways = [] if kind_of(field) == "time" else [
        value.map(lambda one: {"eq": one}), st.lists(value, min_size=1, max_size=3).map(lambda some: {"in": some}),
    ]  # fmt: skip
    if exists and kind_of(field) != "time":
        ways.append(st.booleans().map(lambda one: {"exists": one}))
    if ranges:
        bound = numbers if field.startswith("attributes.") else value
        ways.append(
            st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), bound, min_size=1, max_size=2)
        )  # fmt: skip
    return st.one_of(ways).map(lambda used: Filter.model_validate({"field": field, **used}))


leaves = st.one_of(
    _leaf("tags", st.sampled_from(TAGS)),
    _leaf("user", st.sampled_from(["ada", "bob"])),
    _leaf("platform", st.sampled_from(["apns", "fcm"])),
    _leaf("locale", st.sampled_from([*LOCALES, "pt_br", "DE-at"])),
    _leaf("language", st.sampled_from(["de", "EN", "pt", "zh", "fr"])),
    _leaf("zone", st.sampled_from(ZONES)),
    _leaf("app_version", st.sampled_from(VERSIONS), ranges=True),
    _leaf("os_version", st.sampled_from(VERSIONS), ranges=True),
    _leaf("registered_at", st.sampled_from(AGES).map(lambda n: ago(n).isoformat()), ranges=True),
    *(_leaf(f"attributes.{name}", attribute_values, ranges=True) for name in ATTRIBUTES),
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: Filter(and_=tuple(some))),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: Filter(or_=tuple(some))),
        inner.map(lambda one: Filter(not_=one)),
    ),
    max_leaves=6,
)


def fits(one: Filter, device: Mapping[str, Any]) -> bool:
    """Whether a device fits, by walking the filter over what it says: no index, no query."""
    if one.and_ is not None:
        return all(fits(each, device) for each in one.and_)
    if one.or_ is not None:
        return any(fits(each, device) for each in one.or_)
    if one.not_ is not None:
        return not fits(one.not_, device)
    said = _said(one.field or "", device)
    return all(_holds(one.field or "", name, operand, said) for name, operand in one.operators().items())


def _said(field: str, device: Mapping[str, Any]) -> list[Any]:
    if field.startswith("attributes."):
        found = (device.get("attributes") or {}).get(field.partition(".")[2])
    elif field == "language":
        found = language_of(device["locale"]) if device.get("locale") else None
    elif field == "tags":
        return list(device.get("tags") or ())
    elif kind_of(field) == "version":
        found = order_of(device[field]) if device.get(field) else None
    else:
        found = device.get(field)
    return [] if found is None else [found]


def _holds(field: str, operator: str, operand: Any, said: list[Any]) -> bool:
    if operator == "exists":
        return bool(said) is operand
    wanted: list[Any] = []
    if kind_of(field) == "time":
        wanted = [moment(operand)]
    else:
        wanted = [compared(field, value) for value in (operand if operator == "in" else (operand,))]
    return any(_compares(operator, one, value) for one in said for value in wanted)


def _compares(operator: str, said: Any, value: Any) -> bool:
    if _type(said) != _type(value):
        return False
    match operator:
        case "gt":
            return bool(said > value)
        case "gte":
            return bool(said >= value)
        case "lt":
            return bool(said < value)
        case "lte":
            return bool(said <= value)
        case _:
            return bool(said == value)


def _type(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
