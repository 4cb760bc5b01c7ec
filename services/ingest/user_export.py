"""A backend exports what is known of a user, line by line: devices, segments, and every send with what became of it.

Nothing is gathered first: an app's sends are gone through a page at a time, for as long as somebody listens.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import Field, JsonValue

from services.ingest.call import Call, Reply, Text
from services.ingest.desk import Desk
from services.ingest.devices import DeviceView, view_of
from services.ingest.explaining import Explanation
from services.ingest.lines import MEDIA_TYPE as LINES
from services.ingest.privacy import user_named
from services.ingest.stories import may_address, told_of
from shared.flow.filter import Filter, conditions
from shared.flow.model import Travelling
from shared.flow.send import EXCLUDED, PERSONAL, Send

PAGE: Final = 200
As = Literal["users", "devices", "tokens", "exclude", "filter"]
Row = dict[str, Any]


class OwnSend(Travelling):
    """A send that names the user, or that addressed one of the user's devices."""

    send: str
    accepted_at: datetime
    begins_at: datetime | None
    rejected: bool
    named: tuple[As, ...] = Field(description="how it names the user or the user's devices; empty: it does not")
    message: dict[str, JsonValue]
    values: dict[str, JsonValue] | None = Field(description="what it says of this user")
    notifications: tuple[Explanation, ...] = Field(description="of each device that it addressed, with interactions")


class UserLine(Travelling):
    """One line of what is known of a user. The last one is `end`; without it the answer was cut off."""

    kind: Literal["device", "segment", "send", "end"]
    device: DeviceView | None = None
    segment: str | None = Field(default=None, description="the name of a segment whose filter names the user")
    send: OwnSend | None = None
    devices: int | None = Field(default=None, description="of `end`: so many were told")
    sends: int | None = Field(default=None, description="of `end`: so many were told")


async def export(desk: Desk, call: Call) -> Reply:
    """Everything, newest sends first; who is not known has an end and nothing else."""
    return Reply(HTTPStatus.OK, Text(_lines(desk, call.app, user_named(call)), LINES))


async def _lines(desk: Desk, app: str, user: str) -> AsyncIterator[bytes]:
    rows = await desk.store.devices.of_user(app, await desk.store.devices.variants(app), user)
    for row in rows:
        yield _line(UserLine(kind="device", device=view_of(row)))
    for segment in await desk.store.segments.all(app):
        if _in_filter(segment.filter, user):
            yield _line(UserLine(kind="segment", segment=segment.name))
    sends = 0
    async for send in _sends(desk, app):
        own = await _own(desk, send, user, rows)
        if own is not None:
            sends += 1
            yield _line(UserLine(kind="send", send=own))
    yield _line(UserLine(kind="end", devices=len(rows), sends=sends))


async def _sends(desk: Desk, app: str) -> AsyncIterator[Send]:
    """All that are not purged."""
    before = None
    while page := await desk.store.sends.latest(app, PAGE, before):
        for send in page:
            if not send.purged:
                yield send
        before = (page[-1].accepted_at, page[-1].key)


async def _own(desk: Desk, send: Send, user: str, rows: Sequence[Row]) -> OwnSend | None:
    """What a send has to do with the user, or None."""
    named = await _named(desk, send, user, rows)
    anothers = send.request.audience.users is not None and "users" not in named  # whoever had the device then
    told = [] if anothers else await _told(desk, send, rows)
    if not named and not told:
        return None
    return OwnSend(
        send=send.id, accepted_at=send.accepted_at, begins_at=send.begins_at, rejected=bool(send.problems),
        named=tuple(named), message=send.request.message.model_dump(mode="json", exclude_defaults=True),
        values=await _values(desk, send, user), notifications=tuple(told),
    )  # fmt: skip


async def _told(desk: Desk, send: Send, rows: Sequence[Row]) -> list[Explanation]:
    concerned = [row for row in rows if not send.problems and may_address(send, row)]
    if not concerned:
        return []
    plan = None if send.small else await desk.store.plans.get(send.key)
    told = [await told_of(desk, send, plan, bytes(row["_id"]), row) for row in concerned]
    return [one for one in told if one.addressed or one.interactions]


async def _named(desk: Desk, send: Send, user: str, rows: Sequence[Row]) -> list[As]:
    audience = send.request.audience
    ids, tokens = {bytes(row["_id"]).hex() for row in rows}, {str(row["token"]) for row in rows}
    found: dict[As, bool] = {
        "users": user in (audience.users or ()),
        "devices": not ids.isdisjoint(audience.devices or ()),
        "tokens": any(not tokens.isdisjoint(some) for some in (audience.tokens or {}).values()),
        "exclude": user in audience.exclude.users or not ids.isdisjoint(audience.exclude.devices),
        "filter": audience.filter is not None and _in_filter(audience.filter, user),
    }
    for name in send.lists:
        kind: As = "exclude" if name.startswith(EXCLUDED) else _kind(name)
        found[kind] = found[kind] or await _listed(desk, send, name, user, [*ids, *tokens])
    return [kind for kind, holds in found.items() if holds]


def _kind(name: str) -> As:
    return "devices" if name == "devices" else "tokens" if name.startswith("tokens/") else "users"


async def _listed(desk: Desk, send: Send, name: str, user: str, others: Sequence[str]) -> bool:
    lists = desk.store.lists
    if name == PERSONAL:
        return await lists.holds_user(send, user)
    wanted = [user] if name.endswith("users") else others
    return any([await lists.holds(send.list_name(name), one) for one in wanted])


async def _values(desk: Desk, send: Send, user: str) -> dict[str, Any] | None:
    if PERSONAL in send.lists:
        return await desk.store.lists.of_user(send, user)
    return (send.request.values or {}).get(user)


def _in_filter(one: Filter, user: str) -> bool:
    return any(user in (each.eq, *(each.in_ or ())) for each in conditions(one) if each.field == "user")


def _line(line: UserLine) -> bytes:
    return line.model_dump_json(exclude_none=True).encode() + b"\n"
