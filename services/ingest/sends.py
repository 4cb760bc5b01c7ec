"""A backend says what to tell whom, and asks what became of it."""

from datetime import datetime
from http import HTTPStatus
from typing import Literal

from pydantic import Field

from services.ingest.body import too_large
from services.ingest.call import Call, Reply
from services.ingest.cursor import Cursor, read_cursor, write_cursor
from services.ingest.desk import Desk
from services.ingest.problems import invalid, missing, outcome_unknown
from shared.flow.accept import accept, lists_of
from shared.flow.identity import SEND_ID, new_send_id, send_key
from shared.flow.lane import Lane
from shared.flow.model import Travelling
from shared.flow.order import Order, Standing
from shared.flow.report import Report, State
from shared.flow.send import Problem, Route, Send, SendRequest
from shared.flow.size import limit_broken
from shared.providers.registry import check_message
from shared.referring import said_in_full
from shared.roster import canonical
from shared.store.errors import StoreAway, never_written

RETRY_AFTER = 2
"""Seconds after which the store may be back."""


class SendAccepted(Travelling):
    """It is stored; whatever happens now, it will be worked."""

    id: str
    state: Literal["accepted"] = "accepted"
    lane: Lane
    accepted_at: datetime
    begins_at: datetime | None = Field(default=None, description="when it will begin, if it is scheduled")
    deadline: datetime


class SendValid(Travelling):
    """It would be accepted now, for these variants; nothing was stored."""

    state: Literal["valid"] = "valid"
    lane: Lane
    variants: tuple[Route, ...]


class SendLine(Travelling):
    """One send in a list."""

    id: str
    state: State
    lane: Lane
    source: Literal["http", "amqp"]
    accepted_at: datetime
    begins_at: datetime | None = Field(
        default=None, description="when it begins or began, if it was scheduled; the next time, if it repeats"
    )
    deadline: datetime
    dry_run: bool = Field(default=False, description="it goes through everything and reaches nobody")
    order: Order | None = Field(default=None, description="`paused` or `cancelled`, if that was ordered")
    order_why: str | None = Field(default=None, description="`canary`, if too many of its sample failed")


class SendView(SendLine):
    """One send and what became of it."""

    problems: tuple[Problem, ...] = Field(default=(), description="why it was rejected (a command over AMQP)")
    report: Report


class SendList(Travelling):
    """A page of sends, newest first."""

    sends: tuple[SendLine, ...]
    next: str | None = Field(description="`after` of the next page, or null at the end")


class Page(Travelling):
    """Which page."""

    limit: int = Field(default=50, ge=1, le=200)
    after: Cursor | None = Field(default=None, description="`next` of the page before")


async def post(desk: Desk, call: Call) -> Reply:
    """Accepts a send, or says that it would be."""
    done = await place(desk, call.app, call.body, call.size, new_send_id(call.bits, call.at))
    if isinstance(done, SendValid):
        return Reply(HTTPStatus.OK, done)
    return Reply(HTTPStatus.ACCEPTED, done, f"/v1/sends/{done.id}")


async def place(desk: Desk, app: str, request: SendRequest, size: int, id_: str) -> SendAccepted | SendValid:
    """Stores one send of so many bytes under this id, if that is what it asks for. Raises `Refused`."""
    if (most := limit_broken(request, size)) is not None:
        raise too_large(most)
    if request.template is not None:
        request = await _in_full(desk, app, request)
    request = canonical(request, (await desk.rosters.of(app)).targets)
    send = await _accepted(desk, app, request, id_)
    if request.validate_only:
        return SendValid(lane=send.lane, variants=send.routes)
    for name, values in lists_of(request).items():
        await desk.store.lists.insert(send.list_name(name), values)
    if desk.tracing is None:
        send = await _stored(desk, send)
    else:
        with desk.tracing.accepting(send.key) as trace:
            send = await _stored(desk, send.model_copy(update={"trace": trace}) if trace else send)
    return SendAccepted(
        id=send.id, lane=send.lane, accepted_at=send.accepted_at, begins_at=send.begins_at, deadline=send.deadline
    )


async def _stored(desk: Desk, send: Send) -> Send:
    """The send as it stands; another one than this, if it was stored by the same request before."""
    try:
        if await desk.commit.put(send):  # before a crash, or beside us
            return await desk.store.sends.get(send.key) or send
    except StoreAway as error:
        if never_written(error):
            raise
        raise outcome_unknown(send.id) from error
    return send


async def show(desk: Desk, call: Call) -> Reply:
    """One send."""
    send = await the_send(desk, call.app, call.path["send"])
    standing = await desk.store.orders.get(send.key)
    return Reply(HTTPStatus.OK, view_of(send, await desk.reports.of(send), standing, desk.now()))


async def show_all(desk: Desk, call: Call) -> Reply:
    """A page of sends."""
    page: Page = call.query
    before = read_cursor(page.after, call.app) if page.after else None
    found = await desk.store.sends.latest(call.app, page.limit + 1, before)
    shown = found[: page.limit]
    states = await desk.reports.states(shown)
    orders = await desk.store.orders.of(one.key for one in shown)
    more = write_cursor(shown[-1]) if len(found) > page.limit else None
    now = desk.now()
    lines = tuple(_line(one, states[one.key], orders.get(one.key), now) for one in shown)
    return Reply(HTTPStatus.OK, SendList(sends=lines, next=more))


async def the_send(desk: Desk, app: str, wanted: str) -> Send:
    """The app's send of this id. Raises `Refused`."""
    send = await desk.store.sends.get(send_key(app, wanted)) if SEND_ID.fullmatch(wanted) else None
    if send is None:
        raise missing("the app has no such send")
    return send


async def _in_full(desk: Desk, app: str, request: SendRequest) -> SendRequest:
    """With the message of its template. Raises `Refused`."""
    said = await said_in_full(request, app, desk.store.templates)
    if isinstance(said, Problem):
        raise invalid([said])
    return said


async def _accepted(desk: Desk, app: str, request: SendRequest, id_: str) -> Send:
    """Raises `Refused` with all that is wrong. What is believed of the app's variants never refuses a send."""
    key = send_key(app, id_)
    roster = await desk.rosters.of(app)
    terms = await desk.terms.of(app, request, roster)
    send = accept(request, app, key, roster.targets, desk.now(), check=check_message, terms=terms)
    if send.problems and not roster.fresh:
        roster = await desk.rosters.of(app, fresh=True)
        terms = await desk.terms.of(app, request, roster)
        send = accept(request, app, key, roster.targets, desk.now(), check=check_message, terms=terms)
    if send.problems:
        raise invalid(send.problems)
    return send


def view_of(send: Send, report: Report, standing: Standing | None = None, now: datetime | None = None) -> SendView:
    """A send and what became of it; without `now`, as it stands once it has begun."""
    line = _line(send, report.state, standing, now)
    return SendView(**line.model_dump(), problems=send.problems, report=report)


def _line(send: Send, state: State, standing: Standing | None, now: datetime | None) -> SendLine:
    begins = send.begins_at
    if now is not None and send.request.repeat is not None:
        begins = send.request.repeat.after(now) or begins
    waits = state == "accepted" and now is not None and begins is not None and begins > now
    return SendLine(
        id=send.id, state="scheduled" if waits else state, lane=send.lane, source=send.source,
        accepted_at=send.accepted_at, begins_at=begins, deadline=send.deadline, dry_run=send.request.dry_run,
        order=standing.order if standing else None, order_why=(standing.why or None) if standing else None,
    )  # fmt: skip
