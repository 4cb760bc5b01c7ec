"""Sums of an app's records over spans of time, for its daily report; written once a span is over, and kept.

{_id: app|start, app, start, matched: [{variant, platform, n}], counts: [{variant, platform, fate, reason, n}],
 latency: {lane: [...]}, delays: {lane: [[bucket, n]]}}, and {_id: "until", until}: before it all spans are written.

A span that is written again is the same, so two may do it at once. What is not written yet is summed from the records,
and from the plans that hold what was counted of sends which ended before they were planned.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel, ReplaceOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern

from shared.flow.day import SPAN, SpanSum, span_start
from shared.flow.plan import Plan
from shared.flow.report import Sum, counted
from shared.flow.verdict import Fate
from shared.store.courses import DELIVERED, delay_since
from shared.store.sums import BUCKETS, IS_FIRST

UNTIL: Final = "until"
WHERE: Final = {"app": "$parts.app", "variant": "$parts.variant", "platform": "$parts.platform"}


class Spans:
    """The collection `spans`."""

    INDEXES: Final = (IndexModel([("app", 1), ("start", 1)]),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._spans = database["spans"]
        majority = ReadConcern("majority")
        self._records = database["records"].with_options(read_concern=majority)
        self._plans = database["plans"].with_options(read_concern=majority)

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._spans.create_indexes(list(self.INDEXES))

    async def until(self) -> datetime | None:
        """Before this moment all spans are written; None: none is."""
        found = await self._spans.find_one({"_id": UNTIL})
        return found["until"] if found else None

    async def written(self, app: str, start: datetime, end: datetime) -> list[SpanSum]:
        """The sums of an app that are written, of spans that begin in `[start, end)`."""
        found = self._spans.find({"app": app, "start": {"$gte": start, "$lt": end}}).sort("start", 1)
        return [_read(one) for one in await found.to_list(None)]

    async def summed(self, start: datetime, end: datetime, app: str | None = None) -> list[SpanSum]:
        """What the records of `[start, end)` add up to, by app; they must not lie in more than one day."""
        found = await (await self._records.aggregate(_stages(start, end, app), allowDiskUse=True)).to_list()
        sums = {one.app: one for one in (_by_app(found[0], start) if found else [])}
        for plan in await self._unplanned(start, end, app):
            one = sums.get(plan.app, SpanSum(plan.app, span_start(start), Sum()))
            sums[plan.app] = replace(one, sum=one.sum + counted(plan))
        return [one for _, one in sorted(sums.items())]

    async def _unplanned(self, start: datetime, end: datetime, app: str | None) -> list[Plan]:
        its = {"app": app} if app is not None else {}
        found = self._plans.find({"closed_at": {"$gte": start, "$lt": end}, **its}, {"body": 1})
        plans = [Plan.model_validate_json(one["body"]) async for one in found]
        return [one for one in plans if not one.dry_run]

    async def next_record(self, after: datetime) -> datetime | None:
        """When the first record at or after this moment was made, or the first send ended without one."""
        record = await self._records.find_one({"at": {"$gte": after}}, {"at": 1}, sort=[("at", 1)])
        plan = await self._plans.find_one({"closed_at": {"$gte": after}}, {"closed_at": 1}, sort=[("closed_at", 1)])
        moments = [found[name] for found, name in ((record, "at"), (plan, "closed_at")) if found is not None]
        return min(moments, default=None)

    async def write(self, start: datetime, sums: Iterable[SpanSum]) -> None:
        """Writes what the span from `start` holds, and that everything before its end is written."""
        documents = [_document(one) for one in sums]
        if documents:
            await self._spans.bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents])
        await self._spans.update_one({"_id": UNTIL}, {"$max": {"until": start + SPAN}}, upsert=True)

    async def advance(self, until: datetime) -> None:
        """Nothing was recorded before this moment that is not written."""
        await self._spans.update_one({"_id": UNTIL}, {"$max": {"until": span_start(until)}}, upsert=True)


def _stages(start: datetime, end: datetime, app: str | None) -> list[dict[str, Any]]:
    its = {"parts.app": app} if app is not None else {}
    lane = {"app": "$parts.app", "lane": "$parts.lane"}
    n = {"$sum": "$parts.counts.n"}
    answers = {f"l{bucket}": {"$sum": {"$arrayElemAt": ["$parts.latency", bucket]}} for bucket in range(BUCKETS)}
    return [
        {"$match": {"at": {"$gte": start, "$lt": end}, **its}},
        {"$project": {"parts.undelivered": 0, "parts.owed": 0}},
        {"$unwind": "$parts"},
        {"$match": {**its, "parts.dry_run": {"$ne": True}}},
        {
            "$facet": {
                "matched": [
                    {"$match": {"$expr": IS_FIRST}},
                    {"$group": {"_id": WHERE, "n": {"$sum": "$parts.matched"}}},
                ],
                "counts": [
                    {"$unwind": "$parts.counts"},
                    {
                        "$group": {
                            "_id": {**WHERE, "fate": "$parts.counts.fate", "reason": "$parts.counts.reason"},
                            "n": n,
                        }
                    },
                ],
                "latency": [{"$match": {"parts.lane": {"$ne": None}}}, {"$group": {"_id": lane, **answers}}],
                "delays": [
                    {"$unwind": "$parts.counts"},
                    {"$match": {**DELIVERED, "parts.accepted_at": {"$ne": None}}},
                    {"$group": {"_id": {**lane, "bucket": delay_since("$parts.accepted_at")}, "n": n}},
                ],
            }
        },
    ]


def _by_app(found: Mapping[str, Any], start: datetime) -> list[SpanSum]:
    apps: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for kind, rows in found.items():
        for row in rows:
            apps[row["_id"]["app"]][kind].append(row)
    return [_of_app(app, start, rows) for app, rows in sorted(apps.items())]


def _of_app(app: str, start: datetime, rows: Mapping[str, list[dict[str, Any]]]) -> SpanSum:
    matched = Counter({(row["_id"]["variant"], row["_id"]["platform"]): row["n"] for row in rows["matched"]})
    counts = Counter(
        {
            (row["_id"]["variant"], row["_id"]["platform"], Fate(row["_id"]["fate"]), row["_id"]["reason"]): row["n"]
            for row in rows["counts"]
        }
    )
    delays: dict[str, Counter[int]] = defaultdict(Counter)
    for row in rows["delays"]:
        delays[row["_id"]["lane"]][int(row["_id"]["bucket"])] = row["n"]
    latency = {row["_id"]["lane"]: tuple(row[f"l{n}"] for n in range(BUCKETS)) for row in rows["latency"]}
    return SpanSum(app, span_start(start), Sum(matched=matched, counts=counts), latency, dict(delays))


def _document(one: SpanSum) -> dict[str, Any]:
    return {
        "_id": f"{one.app}|{one.start.isoformat()}",
        "app": one.app,
        "start": one.start,
        "matched": [{"variant": v, "platform": p, "n": n} for (v, p), n in sorted(one.sum.matched.items())],
        "counts": [
            {"variant": v, "platform": p, "fate": fate, "reason": reason, "n": n}
            for (v, p, fate, reason), n in sorted(one.sum.counts.items())
        ],
        "latency": {lane: list(found) for lane, found in one.latency.items()},
        "delays": {lane: [[bucket, n] for bucket, n in sorted(found.items())] for lane, found in one.delays.items()},
    }


def _read(found: Mapping[str, Any]) -> SpanSum:
    matched = Counter({(one["variant"], one["platform"]): one["n"] for one in found["matched"]})
    counts = Counter(
        {(one["variant"], one["platform"], Fate(one["fate"]), one["reason"]): one["n"] for one in found["counts"]}
    )
    return SpanSum(
        found["app"],
        found["start"],
        Sum(matched=matched, counts=counts),
        {lane: tuple(one) for lane, one in found["latency"].items()},
        {lane: Counter(dict(one)) for lane, one in found["delays"].items()},
    )
