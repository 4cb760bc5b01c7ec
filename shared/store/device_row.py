"""How a device's row is written: what a registration says replaces what was there, and the facets follow. Pure.

The change is an aggregation, because facets of what is not said stay: read and written in one step, whoever else
writes. Every value stands as a literal: a text that begins with a dollar sign is a text.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shared.flow.facets import FACETED, day_of, facets_of
from shared.store.filtering import keys_of_versions

PROFILE: Final = ("user", "tags", "attributes", "locale", "zone", "app_version", "os_version", "categories")
"""What a registration may say beside the token; what it leaves out stays as it was, null removes it."""
TAGS: Final = {"$ifNull": ["$tags", []]}
FACETS: Final = {"$ifNull": ["$facets", []]}
KEYED: Final = ("app_version", "os_version")
Stages = list[dict[str, Any]]


def rewritten(
    fixed: Mapping[str, Any], profile: Mapping[str, Any], now: datetime, first: Mapping[str, Any] | None = None
) -> Stages:
    """The change that a registration makes; `first` is written only where there is nothing yet."""
    kept, gone = said(profile), [name for name, value in profile.items() if value is None]
    gone += [f"{name}_key" for name in gone if name in KEYED]
    written = {**fixed, **kept, **keys_of_versions(kept), "registered_at": now, "live": True}
    changed = {name: {"$literal": value} for name, value in written.items()}
    changed |= {name: {"$ifNull": [f"${name}", {"$literal": value}]} for name, value in (first or {}).items()}
    changed["facets"] = _facets({**kept, "registered_at": now}, [*profile, "registered_at"])
    return [{"$set": changed}, {"$unset": ["retired", "quarantine", *gone]}]


def said(profile: Mapping[str, Any]) -> dict[str, Any]:
    """What of a profile is to be kept."""
    return {name: value for name, value in profile.items() if name in PROFILE and value is not None}


def new_row(fixed: Mapping[str, Any], profile: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The same for a device that nobody has registered before, as a document."""
    kept = said(profile)
    facets = facets_of({**kept, "registered_at": now})
    return {**fixed, **kept, **keys_of_versions(kept), "registered_at": now, "live": True, "facets": facets}


def difference(
    row: Mapping[str, Any], fixed: Mapping[str, Any], profile: Mapping[str, Any], now: datetime
) -> tuple[dict[str, Any], list[str]]:
    """What `rewritten` would make other of a row that was read: the fields to write and those to remove."""
    kept = said(profile)
    written = {**fixed, **kept, **keys_of_versions(kept), "registered_at": now, "live": True}
    changed = {name: value for name, value in written.items() if not _same(row.get(name), value)}
    gone = [name for name, value in profile.items() if value is None]
    gone += [f"{name}_key" for name in gone if name in KEYED]
    removed = [name for name in ("retired", "quarantine", *gone) if name in row]
    if _as_before(row, changed, removed, now):
        return changed, removed
    before = row.get("facets", [])
    begins = {FACETED[name] for name in profile if name in FACETED} | {FACETED["registered_at"]}
    facets = [one for one in before if one[:2] not in begins] + facets_of({**kept, "registered_at": now})
    if set(facets) != set(before):
        changed["facets"] = facets
    return changed, removed


def _as_before(row: Mapping[str, Any], changed: Mapping[str, Any], removed: Sequence[str], now: datetime) -> bool:
    """Whether nothing is other that facets are made of, of the last registration the day: most say only that again."""
    if not FACETED.keys() - {"registered_at"} & {*changed, *removed}:
        at = row.get("registered_at")
        return at is not None and day_of(at) == day_of(now)
    return False


def _same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: to the store, and to filters, 1 is not true."""
    if one != other or type(one) is not type(other):
        return False
    return not isinstance(one, dict) or all(type(value) is type(other[name]) for name, value in one.items())


def subscribed(tags: Sequence[str], categories: Mapping[str, bool]) -> Stages:
    """The change that adds tags; those that are there stay in their place."""
    more = {"$setDifference": [{"$literal": list(dict.fromkeys(tags))}, TAGS]}
    facets = {"$setDifference": [{"$literal": [f"t:{tag}" for tag in tags]}, FACETS]}
    changed = {"tags": {"$concatArrays": [TAGS, more]}, "facets": {"$concatArrays": [FACETS, facets]}}
    return [{"$set": (changed if tags else {}) | _wishes(categories)}]


def unsubscribed(tags: Sequence[str], categories: Mapping[str, bool]) -> Stages:
    """The change that takes tags away."""
    changed = {"tags": _without(TAGS, tags), "facets": _without(FACETS, [f"t:{tag}" for tag in tags])}
    return [{"$set": (changed if tags else {}) | _wishes(categories)}]


def room(tags: Sequence[str], categories: Mapping[str, bool], most: int) -> dict[str, Any]:
    """What must hold of a device so that it has at most so many tags, and categories, afterwards."""
    wished = {"$mergeObjects": ["$categories", {"$literal": dict(categories)}]}
    bounds = [{"$lte": [{"$size": {"$setUnion": [TAGS, {"$literal": list(tags)}]}}, most]}] if tags else []
    bounds += [{"$lte": [{"$size": {"$objectToArray": wished}}, most]}] if categories else []
    return {"$expr": {"$and": bounds}} if bounds else {}


def _without(array: Any, values: Sequence[str]) -> dict[str, Any]:
    gone = {"$in": ["$$one", {"$literal": list(values)}]}
    return {"$filter": {"input": array, "as": "one", "cond": {"$not": [gone]}}}


def _wishes(categories: Mapping[str, bool]) -> dict[str, Any]:
    if not categories:
        return {}
    return {"categories": {"$mergeObjects": ["$categories", {"$literal": dict(categories)}]}}


def _facets(kept: Mapping[str, Any], changed: list[str]) -> dict[str, Any]:
    """Those of what is not said as they were, and those of what is."""
    begins = [FACETED[name] for name in dict.fromkeys(changed) if name in FACETED]
    same = {"$not": [{"$in": [{"$substrBytes": ["$$one", 0, 2]}, begins]}]}
    before = {"$filter": {"input": FACETS, "as": "one", "cond": same}}
    return {"$concatArrays": [before, {"$literal": facets_of(kept)}]}
