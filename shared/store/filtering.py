"""Turns an audience's narrowing into queries: the filter itself on what devices said, and a look by facets. Pure.

The filter decides who is meant; the look only says where to seek. So whichever look is taken, or none, the same devices
are found. Every value stands behind an operator of ours: a sender's text is never one.
"""

import re
from datetime import timedelta
from typing import Any, Final

from shared.flow.access import Candidate, candidates
from shared.flow.audience import Audience, Tags
from shared.flow.filter import Filter, every, has_one_tag, has_tag, negated
from shared.flow.filter_values import Value, compared, kind_of, moment
from shared.flow.identity import SHARDS
from shared.flow.plan import ShardRange

Query = dict[str, Any]
SCAN: Final = -1
"""No look: the devices of the shard range one by one."""
FACETS_INDEX: Final = [("variant", 1), ("facets", 1), ("shard", 1)]
SCAN_INDEX: Final = [("app", 1), ("variant", 1), ("live", 1), ("shard", 1), ("token", 1), ("_id", 1)]


def narrowing(audience: Audience) -> Filter | None:
    """Tags and filter as one filter; None if everyone is meant."""
    found = _tags(audience.tags) if audience.tags is not None else []
    return every([*found, *([audience.filter] if audience.filter is not None else [])])


def _tags(tags: Tags) -> list[Filter]:
    found = [has_one_tag(tags.any)] if tags.any else []
    found += [has_tag(tag) for tag in tags.all]
    return found + ([negated(has_one_tag(tags.none))] if tags.none else [])


def looks(audience: Audience) -> tuple[Candidate, ...]:
    """The looks that an audience offers. A plan keeps the number of the one that it takes."""
    narrowed = narrowing(audience)
    return candidates(narrowed) if narrowed is not None else ()


def matching(audience: Audience) -> Query:
    """Who fits, to be joined to another query."""
    narrowed = narrowing(audience)
    return {"$and": [compiled(narrowed)]} if narrowed is not None else {}


def in_service(app: str, variant: str) -> Query:
    """The devices of a variant that are in service."""
    return {"app": app, "variant": variant, "live": True}


def scan_filter(app: str, variant: str, where: ShardRange, audience: Audience, look: int = SCAN) -> Query:
    """The query of a chunk of a scan; the whole range needs no bound."""
    bound = {} if (where.low, where.high) == (0, SHARDS) else {"shard": {"$gte": where.low, "$lt": where.high}}
    offered = looks(audience) if look != SCAN else ()
    if not 0 <= look < len(offered):
        return {**in_service(app, variant), **bound, **matching(audience)}
    found = places(offered[look], variant, bound)
    within = found[0] if len(found) == 1 else {"$or": found}
    return {**in_service(app, variant), **within, **matching(audience)}


def hint(audience: Audience, look: int = SCAN) -> list[tuple[str, int]] | None:
    """The index to go by. The planner's own choice is tried out, remembered, and may be wrong for the next chunk."""
    if narrowing(audience) is None:
        return None
    return FACETS_INDEX if 0 <= look < len(looks(audience)) else SCAN_INDEX


def places(look: Candidate, variant: str, bound: Query) -> list[Query]:
    """Where in the index of facets a look seeks: each a query that bounds all three of its fields."""
    return [{"variant": variant, **bound, "facets": one} for one in _facets(look)]


def _facets(look: Candidate) -> list[Query]:
    """Conditions on facets, each of them one way into the index."""
    points = [one.low for one in look if one.low == one.high]
    found: list[Query] = [{"$in": points}] if points or not look else []
    # in an array two conditions may hold for two entries; $elemMatch is for one, and bounds the index on both sides
    return found + [{"$elemMatch": {"$gte": one.low, "$lte": one.high}} for one in look if one.low != one.high]


def compiled(one: Filter) -> Query:
    """The query for a filter whose segments and times are resolved."""
    if one.and_ is not None:
        return {"$and": [compiled(each) for each in one.and_]}
    if one.or_ is not None:
        return {"$or": [compiled(each) for each in one.or_]}
    if one.not_ is not None:
        return {"$nor": [compiled(one.not_)]}
    found = [_condition(one.field or "", name, operand) for name, operand in one.operators().items()]
    return found[0] if len(found) == 1 else {"$and": found}


def _condition(field: str, operator: str, operand: Any) -> Query:
    stored = _stored(field)
    if operator == "exists":
        return _present(field, stored) if operand else {"$nor": [_present(field, stored)]}
    values = operand if operator == "in" else (operand,)
    if field == "language":
        return {"$or": [{stored: {"$regex": f"^{re.escape(str(compared(field, one)))}(-|$)"}} for one in values]}
    wanted = [_value(field, one) for one in values]
    return {stored: {"$in": wanted} if operator == "in" else {f"${operator}": wanted[0]}}


def _present(field: str, stored: str) -> Query:
    return {"tags.0": {"$exists": True}} if field == "tags" else {stored: {"$ne": None}}


def _stored(field: str) -> str:
    """Where the registry has what a field is compared by."""
    if field == "language":
        return "locale"
    return f"{field}_key" if kind_of(field) == "version" else field


def _value(field: str, value: Value) -> Any:
    if kind_of(field) == "time":
        at = moment(str(value))
        if at is None or isinstance(at, timedelta):
            message = f"{field}: {value!r} was not resolved"
            raise ValueError(message)
        return at
    return compared(field, value)


def keys_of_versions(said: dict[str, Any]) -> dict[str, Any]:
    """What is stored beside the versions that a registration says, so that they can be compared."""
    return {f"{name}_key": compared(name, said[name]) for name in ("app_version", "os_version") if said.get(name)}
