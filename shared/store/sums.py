"""The sum of a send's records as an aggregation: the store adds up what `shared.flow.report.fold` would."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from shared.flow.record import LATENCY_BOUNDS
from shared.flow.report import Sum
from shared.flow.verdict import Fate

BUCKETS: Final = len(LATENCY_BOUNDS) + 1
IS_FIRST: Final = {"$eq": [{"$indexOfBytes": ["$parts.member", "~"]}, -1]}
"""A retry's id has a `~` for every attempt before it."""


def sums(send: str) -> list[dict[str, Any]]:
    """One document: `chunks` by variant, platform and first attempt, `counts` by variant, platform, fate and reason."""
    where = {"variant": "$parts.variant", "platform": "$parts.platform"}
    chunks = {
        "_id": {**where, "first": IS_FIRST},
        "n": {"$sum": 1},
        "matched": {"$sum": "$parts.matched"},
        "owed": {"$sum": {"$size": "$parts.owed"}},
        "first_answer_at": {"$min": "$parts.first_answer_at"},
        "last_answer_at": {"$max": "$parts.last_answer_at"},
        **{f"l{n}": {"$sum": {"$arrayElemAt": ["$parts.latency", n]}} for n in range(BUCKETS)},
    }
    fates = {**where, "fate": "$parts.counts.fate", "reason": "$parts.counts.reason"}
    return [
        {"$match": {"sends": send}},
        {"$project": {"parts.undelivered": 0, "parts.owed.devices": 0}},
        {"$unwind": "$parts"},
        {"$match": {"parts.send": send}},
        {
            "$facet": {
                "chunks": [{"$group": chunks}],
                "counts": [
                    {"$unwind": "$parts.counts"},
                    {"$group": {"_id": fates, "n": {"$sum": "$parts.counts.n"}}},
                ],
            }
        },
    ]


def summed(chunks: Iterable[dict[str, Any]], counts: Iterable[dict[str, Any]]) -> Sum:
    """What the aggregation answers, as a sum."""
    total = Sum(counts=Counter({_key(one["_id"]): one["n"] for one in counts}))
    for one in chunks:
        where, first = one["_id"], one["_id"]["first"]
        latency = tuple(one[f"l{n}"] for n in range(BUCKETS))
        total += Sum(
            chunks=one["n"] if first else 0,
            retries=0 if first else one["n"],
            owed_steps=one["owed"],
            matched=Counter({(where["variant"], where["platform"]): one["matched"]}) if first else Counter(),
            latency=latency if any(latency) else (),
            first_answer_at=one["first_answer_at"],
            last_answer_at=one["last_answer_at"],
        )
    return total


def _key(group: dict[str, Any]) -> tuple[str, str, Fate, str]:
    return group["variant"], group["platform"], Fate(group["fate"]), group["reason"]
