"""The course of a send as an aggregation: the store adds up what `shared.flow.course.course` would."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from shared.flow.course import A_DECADE, Course
from shared.flow.verdict import Fate

AT: Final = {"$ifNull": ["$parts.last_answer_at", "$parts.looked_up_at"]}
DELIVERED: Final = {"parts.counts.fate": Fate.DELIVERED.value}
LEAN: Final = {"parts.undelivered": 0, "parts.owed": 0, "parts.latency": 0}


def delay_since(moment: datetime | str) -> dict[str, Any]:
    """The number of `delay_bucket` of a chunk, from then on (a moment, or the field that says)."""
    return {"$floor": {"$multiply": [A_DECADE, {"$log10": {"$max": [1, {"$subtract": [AT, moment]}]}}]}}


def courses(send: str, since: datetime, step: timedelta) -> list[dict[str, Any]]:
    """One document: `slots` by number and fate, `delays` by bucket, `ends` with the first and last delivery."""
    return [
        {"$match": {"sends": send}},
        {"$project": LEAN},
        {"$unwind": "$parts"},
        {"$match": {"parts.send": send}},
        {"$unwind": "$parts.counts"},
        {"$facet": _facets(since, step)},
    ]


def with_course(summing: list[dict[str, Any]], since: datetime, step: timedelta) -> list[dict[str, Any]]:
    """These stages, which end by `$facet`, with the course beside the sum: of the same records, whoever adds more."""
    *before, last = summing
    beside = {name: [{"$unwind": "$parts.counts"}, *stages] for name, stages in _facets(since, step).items()}
    return [*before, {"$facet": last["$facet"] | beside}]


def _facets(since: datetime, step: timedelta) -> dict[str, list[dict[str, Any]]]:
    milliseconds = step // timedelta(milliseconds=1)
    slot = {"$max": [0, {"$floor": {"$divide": [{"$subtract": [AT, since]}, milliseconds]}}]}
    n = {"$sum": "$parts.counts.n"}
    ends = {"first": {"$min": {"$ifNull": ["$parts.first_answer_at", AT]}}, "last": {"$max": AT}}
    return {
        "slots": [{"$group": {"_id": {"slot": slot, "fate": "$parts.counts.fate"}, "n": n}}],
        "delays": [{"$match": DELIVERED}, {"$group": {"_id": delay_since(since), "n": n}}],
        "ends": [{"$match": DELIVERED}, {"$group": {"_id": None, **ends}}],
    }


def coursed(found: dict[str, Any]) -> Course:
    """What the aggregation answers, as a course."""
    ends = found["ends"][0] if found["ends"] else {"first": None, "last": None}
    return Course(
        Counter({(int(one["_id"]["slot"]), Fate(one["_id"]["fate"])): one["n"] for one in found["slots"]}),
        Counter({int(one["_id"]): one["n"] for one in found["delays"]}),
        ends["first"],
        ends["last"],
    )
