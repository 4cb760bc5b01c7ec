"""What hygiene did to an app's devices from day to day; which devices are out of service, each with its evidence."""

from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import invalid, missing
from services.ingest.reporting import Days
from shared.flow.model import Travelling
from shared.flow.send import Problem
from shared.store.hygiene_days import By, Did, Done
from shared.store.windows import Decision, Judged

A_WEEK: Final = timedelta(days=6)
MOST_DAYS: Final = 92
PAGE: Final = 200
EPOCH: Final = datetime.fromtimestamp(0, UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
Text = Annotated[str, StringConstraints(max_length=64)]


class DoneView(Travelling):
    """So many devices of a variant met this on a day."""

    day: date
    variant: str
    did: Did
    by: By = Field(
        description="evidence: the token is dead; judged: its window of suspects passed; suspect: it waits for that; "
        "cap: it is dead, but the hour's cap is used up; gate: the anomaly gate tripped; asked: somebody restored it"
    )
    reason: str = Field(description="the provider's own")
    devices: int


class JudgedView(Travelling):
    """So many windows with suspects were decided this way on a day."""

    day: date
    variant: str
    decision: Decision
    windows: int
    suspects: int


class HygieneReport(Travelling):
    """An app's device hygiene by day (UTC). A device that came back by registering again is not told of."""

    first: date
    last: date
    days: tuple[DoneView, ...]
    gate: tuple[JudgedView, ...]


class Which(Travelling):
    """Which of the devices that are out of service."""

    variant: Text | None = None
    reason: Text | None = None
    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,14}-[0-9a-f]{24}$")] | None = Field(
        default=None, description="`next` of the page before"
    )


class RetiredView(Travelling):
    """One device out of service, and the evidence against its token."""

    device: str
    variant: str
    user: str | None
    retired_at: datetime
    reason: str = Field(description="the provider's own")
    since: datetime | None = Field(description="since when the token is dead: the provider's time, or of the attempt")
    registered_at: datetime


class RetiredList(Travelling):
    """Devices out of service, in the order in which they went."""

    devices: tuple[RetiredView, ...]
    next: str | None = Field(description="`after` of the next page, or null at the end")


async def report(desk: Desk, call: Call) -> Reply:
    """What was done from the first day to the last; the last week unless asked."""
    app = await _app(desk, call)
    days: Days = call.query
    last = days.last or max(desk.now().date(), days.first or date.min)
    first = days.first or last - A_WEEK
    if first > last or last - first >= timedelta(days=MOST_DAYS):
        raise invalid([Problem(pointer="", detail=f"query first: at most {MOST_DAYS} days, the first before the last")])
    done = await desk.store.hygiene_days.between(app, first, last)
    judged = await desk.store.windows.judged(app, first, last)
    return Reply(
        HTTPStatus.OK,
        HygieneReport(first=first, last=last, days=tuple(map(_done, done)), gate=tuple(map(_judged, judged))),
    )


async def retired(desk: Desk, call: Call) -> Reply:
    """Devices out of service."""
    app, which = await _app(desk, call), call.query
    variants = [one.id for one in await desk.store.variants.all(app) if which.variant in (None, one.id)]
    rows = await desk.store.undoing.retired(app, variants, which.reason, _place(which.after), PAGE)
    more = _after(rows[-1]) if len(rows) == PAGE else None
    return Reply(HTTPStatus.OK, RetiredList(devices=tuple(map(_retired, rows)), next=more))


def _after(row: dict[str, Any]) -> str:
    return f"{(row['retired']['at'] - EPOCH) // MILLISECOND}-{bytes(row['_id']).hex()}"


def _place(after: str | None) -> tuple[datetime, bytes] | None:
    if after is None:
        return None
    at, _, device = after.partition("-")
    return EPOCH + int(at) * MILLISECOND, bytes.fromhex(device)


def _done(one: Done) -> DoneView:
    return DoneView(
        day=one.day, variant=one.variant, did=one.did, by=one.by, reason=one.reason, devices=one.devices
    )  # fmt: skip


def _judged(one: Judged) -> JudgedView:
    return JudgedView(
        day=one.day, variant=one.variant, decision=one.decision, windows=one.windows, suspects=one.suspects
    )  # fmt: skip


def _retired(row: dict[str, Any]) -> RetiredView:
    mark = row["retired"]
    return RetiredView(
        device=bytes(row["_id"]).hex(), variant=row["variant"], user=row.get("user"), retired_at=mark["at"],
        reason=mark["reason"], since=mark.get("since"), registered_at=row["registered_at"],
    )  # fmt: skip


async def _app(desk: Desk, call: Call) -> str:
    """The app of the path: the operator may name any, a backend its own."""
    if call.key.app and call.key.app != call.path["app"]:
        raise missing(f"there is no app {call.path['app']!r}")
    return (await desk.store.apps.get(call.app)).id
