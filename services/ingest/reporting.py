"""A backend asks what became of sends: the full report of one, several side by side, all of an app from day to day."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.ingest.call import Call, Reply, Text
from services.ingest.compared import Comparison, compared
from services.ingest.csv_report import comparison_csv, days_csv, outcomes_csv, timeline_csv
from services.ingest.desk import Desk
from services.ingest.moments import Day
from services.ingest.problems import invalid, missing
from services.ingest.sends import the_send
from shared.flow.day import MOST_DAYS
from shared.flow.full_report import FullReport
from shared.flow.identity import SEND_ID, send_key
from shared.flow.model import Travelling
from shared.flow.send import Problem, Send
from shared.full_reports import of_app

CSV: Final = "text/csv"
SIDE_BY_SIDE: Final = 20


def _several(text: str) -> str:
    ids = text.split(",")
    if not 1 <= len(ids) <= SIDE_BY_SIDE or not all(map(SEND_ID.fullmatch, ids)):
        raise PydanticCustomError("ids", f"one to {SIDE_BY_SIDE} ids of sends, with commas between")
    return text


class InForm(Travelling):
    """In which form."""

    format: Literal["json", "csv"] | None = Field(default=None, description="wins over the header Accept")


class Form(InForm):
    """In which form, and what of it."""

    part: Literal["outcomes", "timeline"] = Field(default="outcomes", description="of a CSV")


class Several(InForm):
    """Which sends, in which form."""

    ids: Annotated[str, AfterValidator(_several)] = Field(description="ids of sends, with commas between")


class Days(Travelling):
    """Which days, in UTC."""

    first: Day | None = Field(default=None, description="today unless set; what is asked for may be 92 days long")
    last: Day | None = Field(default=None, description="included; today unless set")


class DaysInForm(Days, InForm):
    """The same, in which form, and what of it."""

    part: Literal["days", "outcomes"] = Field(default="days", description="of a CSV: by day, or by variant")


async def show(desk: Desk, call: Call) -> Reply:
    """The full report of one send, as JSON or CSV."""
    form: Form = call.query
    report = await _full(desk, call.app, call.path["send"])
    if _as_table(call):
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
    sends = tuple(map(compared, reports))
    return _csv(comparison_csv(sends), "sends") if _as_table(call) else Reply(HTTPStatus.OK, Comparison(sends=sends))


async def of_days(desk: Desk, call: Call) -> Reply:
    """What became of an app's notifications from day to day."""
    if call.key.app and call.key.app != call.path["app"]:
        raise missing(f"there is no app {call.path['app']!r}")
    app = (await desk.store.apps.get(call.app)).id
    days: DaysInForm = call.query
    today = desk.now().date()
    last = days.last or max(today, days.first or today)
    first = days.first or min(today, last)
    if first > last or last - first >= timedelta(days=MOST_DAYS):
        raise invalid([Problem(pointer="", detail=f"query first: at most {MOST_DAYS} days, the first before the last")])
    report = await desk.once.of((app, first, last), lambda: of_app(desk.store, app, first, last))
    if not _as_table(call):
        return Reply(HTTPStatus.OK, report)
    content = outcomes_csv(report) if days.part == "outcomes" else days_csv(report)
    return _csv(content, f"{app}-{first}-{last}-{days.part}")


async def _full(desk: Desk, app: str, wanted: str) -> FullReport:
    send = await the_send(desk, app, wanted)
    return await _with_interactions(desk, send, await desk.reports.full(send))


async def _with_interactions(desk: Desk, send: Send, report: FullReport) -> FullReport:
    if send.purged:
        return report  # which holds what there was
    told = await desk.store.interactions.of_send(send.key, send.since, report.total.delivered)
    return report.model_copy(update={"interactions": told})


def _as_csv(report: FullReport, form: Form) -> Reply:
    content = timeline_csv(report) if form.part == "timeline" else outcomes_csv(report)
    return _csv(content, f"{report.id}-{form.part}")


def _csv(content: bytes, name: str) -> Reply:
    return Reply(HTTPStatus.OK, Text(content, f"{CSV}; charset=utf-8", f"{name}.csv"))


def _as_table(call: Call) -> bool:
    form: InForm = call.query
    return (form.format or _preferred(call.headers)) == "csv"


def _preferred(headers: Mapping[str, str]) -> Literal["json", "csv"]:
    """CSV where the caller likes it better than JSON (RFC 9110, section 12.5.1)."""
    likes: dict[str, float] = {}
    for one in headers.get("accept", "").split(","):
        kind, _, parameters = one.partition(";")
        quality = parameters.partition("q=")[2].partition(";")[0].strip()
        likes[kind.strip().lower()] = float(quality) if quality.replace(".", "", 1).isdecimal() else 1.0
    csv = likes.get(CSV, likes.get("text/*", 0.0))
    return "csv" if csv > likes.get("application/json", likes.get("application/*", likes.get("*/*", 0.0))) else "json"
