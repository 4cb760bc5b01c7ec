"""A backend asks what became of sends: the full report of one, several side by side, all of an app from day to day."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.ingest.call import Call, Reply, Text
from services.ingest.csv_report import outcomes_csv, timeline_csv
from services.ingest.desk import Desk
from services.ingest.moments import Day
from services.ingest.problems import invalid, missing
from services.ingest.sends import the_send
from shared.flow.day import MOST_DAYS
from shared.flow.full_report import FullReport, Interactions, Latency
from shared.flow.identity import SEND_ID, send_key
from shared.flow.lane import Lane
from shared.flow.model import Travelling
from shared.flow.report import Outcomes, State
from shared.flow.send import Problem, Send
from shared.flow.verdict import Fate
from shared.full_reports import of_app

CSV: Final = "text/csv"
SIDE_BY_SIDE: Final = 20


def _several(text: str) -> str:
    ids = text.split(",")
    if not 1 <= len(ids) <= SIDE_BY_SIDE or not all(map(SEND_ID.fullmatch, ids)):
        raise PydanticCustomError("ids", f"one to {SIDE_BY_SIDE} ids of sends, with commas between")
    return text


class Form(Travelling):
    """In which form."""

    format: Literal["json", "csv"] | None = Field(default=None, description="wins over the header Accept")
    part: Literal["outcomes", "timeline"] = Field(default="outcomes", description="of a CSV")


class Several(Travelling):
    """Which sends."""

    ids: Annotated[str, AfterValidator(_several)] = Field(description="ids of sends, with commas between")


class Days(Travelling):
    """Which days, in UTC."""

    first: Day | None = Field(default=None, description="today unless set; what is asked for may be 92 days long")
    last: Day | None = Field(default=None, description="included; today unless set")


class Compared(Travelling):
    """One send beside others."""

    id: str
    state: State
    lane: Lane
    accepted_at: datetime
    finished_at: datetime | None
    seconds: float | None = Field(description="from its acceptance to its last delivery")
    total: Outcomes
    shares: dict[str, float] = Field(description="of what was planned, by outcome")
    latency: Latency
    interactions: Interactions
    dry_run: bool


class Comparison(Travelling):
    """Sends side by side, in the order in which they were asked for."""

    sends: tuple[Compared, ...]


async def show(desk: Desk, call: Call) -> Reply:
    """The full report of one send, as JSON or CSV."""
    form: Form = call.query
    report = await _full(desk, call.app, call.path["send"])
    if (form.format or _preferred(call.headers)) == "csv":
        return _as_csv(report, form)
    return Reply(HTTPStatus.OK, report)


async def show_csv(desk: Desk, call: Call) -> Reply:
    """The same, always as CSV."""
    return _as_csv(await _full(desk, call.app, call.path["send"]), call.query)


async def compare(desk: Desk, call: Call) -> Reply:
    """Sends side by side."""
    wanted: Several = call.query
    ids = list(dict.fromkeys(wanted.ids.split(",")))
    known = await desk.store.sends.many(send_key(call.app, one) for one in ids)
    unknown = [one for one in ids if send_key(call.app, one) not in known]
    if unknown:
        raise invalid([Problem(pointer="", detail=f"query ids: the app has no send {one}") for one in unknown])
    keys = [send_key(call.app, one) for one in ids]
    reports = [await _with_interactions(desk, known[key], await desk.reports.full(known[key])) for key in keys]
    return Reply(HTTPStatus.OK, Comparison(sends=tuple(map(_compared, reports))))


async def of_days(desk: Desk, call: Call) -> Reply:
    """What became of an app's notifications from day to day."""
    if call.key.app and call.key.app != call.path["app"]:
        raise missing(f"there is no app {call.path['app']!r}")
    app = (await desk.store.apps.get(call.app)).id
    days: Days = call.query
    today = desk.now().date()
    last = days.last or max(today, days.first or today)
    first = days.first or min(today, last)
    if first > last or last - first >= timedelta(days=MOST_DAYS):
        raise invalid([Problem(pointer="", detail=f"query first: at most {MOST_DAYS} days, the first before the last")])
    return Reply(HTTPStatus.OK, await desk.once.of((app, first, last), lambda: of_app(desk.store, app, first, last)))


async def _full(desk: Desk, app: str, wanted: str) -> FullReport:
    send = await the_send(desk, app, wanted)
    return await _with_interactions(desk, send, await desk.reports.full(send))


async def _with_interactions(desk: Desk, send: Send, report: FullReport) -> FullReport:
    if send.purged:
        return report  # which holds what there was
    told = await desk.store.interactions.of_send(send.key, report.accepted_at, report.total.delivered)
    return report.model_copy(update={"interactions": told})


def _compared(one: FullReport) -> Compared:
    planned = one.total.planned
    return Compared(
        id=one.id, state=one.state, lane=one.lane, accepted_at=one.accepted_at, finished_at=one.finished_at,
        seconds=(one.last_delivery_at - one.accepted_at).total_seconds() if one.last_delivery_at else None,
        total=one.total, latency=one.latency, interactions=one.interactions, dry_run=one.dry_run,
        shares={fate.value: round(getattr(one.total, fate) / planned, 6) for fate in Fate} if planned else {},
    )  # fmt: skip


def _as_csv(report: FullReport, form: Form) -> Reply:
    content = timeline_csv(report) if form.part == "timeline" else outcomes_csv(report)
    return Reply(HTTPStatus.OK, Text(content, f"{CSV}; charset=utf-8", f"{report.id}-{form.part}.csv"))


def _preferred(headers: Mapping[str, str]) -> Literal["json", "csv"]:
    """CSV where the caller likes it better than JSON (RFC 9110, section 12.5.1)."""
    likes: dict[str, float] = {}
    for one in headers.get("accept", "").split(","):
        kind, _, parameters = one.partition(";")
        quality = parameters.partition("q=")[2].partition(";")[0].strip()
        likes[kind.strip().lower()] = float(quality) if quality.replace(".", "", 1).isdigit() else 1.0
    csv = likes.get(CSV, likes.get("text/*", 0.0))
    return "csv" if csv > likes.get("application/json", likes.get("application/*", likes.get("*/*", 0.0))) else "json"
