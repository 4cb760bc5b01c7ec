"""Makes full reports from the store: of one send from its records, of an app from day to day.

ingest answers with them, and the reporter keeps that of a send that is finished.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from shared.flow.course import course
from shared.flow.day import AppReport, SpanSum, app_report, midnight, span_start
from shared.flow.full_report import FullReport, Line, full_report, step_for
from shared.flow.identity import split_send_key
from shared.flow.plan import Plan
from shared.flow.record import Part
from shared.flow.report import Report, Sum, fold, report
from shared.flow.send import Send
from shared.store.connection import Store


async def of_records(store: Store, key: str, line: Line, counted: Report, recorded: Sum, now: datetime) -> FullReport:
    """Of a planned send, from what was just counted of it."""
    step = step_for(line, counted.finished_at, now)
    went = await store.records.course(key, line.since, step)
    return full_report(line, counted, recorded.latency, went, step)


async def of_running(store: Store, plan: Plan, now: datetime) -> FullReport:
    """Of a planned send that is not finished: all of it from the records that there are at one moment."""
    line = line_of(plan)
    step = step_for(line, None, now)
    recorded, went = await store.records.sum_and_course(plan.key, line.since, step)
    counted = report(plan, recorded)
    if counted.state == "finished":  # the reporter makes it final, with the time that it then has for good
        counted = counted.model_copy(update={"state": "running"})
    return full_report(line, counted, recorded.latency, went, step)


def of_parts(line: Line, counted: Report, parts: Sequence[Part], now: datetime) -> FullReport:
    """Of a small send, from all its records."""
    step = step_for(line, counted.finished_at, now)
    return full_report(line, counted, fold(parts).latency, course(parts, line.since, step), step)


def line_of(one: Send | Plan) -> Line:
    """What the report says of a send itself."""
    return Line(
        id=split_send_key(one.key)[1], lane=one.lane, accepted_at=one.accepted_at, begins_at=one.begins_at,
        deadline=one.deadline,
    )  # fmt: skip


async def of_app(store: Store, app: str, first: date, last: date) -> AppReport:
    """Of an app, from the first day to the last, both included: spans that are written, and the records since."""
    start, end = midnight(first), midnight(last + timedelta(days=1))
    until = await store.spans.until()
    written: list[SpanSum] = []
    if until is not None and until > start:
        written = await store.spans.written(app, start, min(until, end))
        start = until
    since = await _since(store, app, start, end)
    return app_report(app, first, last, [*written, *since])


async def _since(store: Store, app: str, start: datetime, end: datetime) -> list[SpanSum]:
    """What is not written yet, day by day."""
    found: list[SpanSum] = []
    at = await store.spans.next_record(start)
    while at is not None and at < end:
        begin = max(start, span_start(at))
        finish = min(end, midnight(begin.date() + timedelta(days=1)))
        found += await store.spans.summed(begin, finish, app)
        start, at = finish, await store.spans.next_record(finish)
    return found
