"""Messages are sent: one by one, or many at once."""

import asyncio
from http import HTTPStatus

from pydantic import JsonValue

from services.ingest.call import SMALL_BODY, Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.ibm.mapping import placed, send_of
from services.ingest.doors.ibm.named_devices import known_by_name
from services.ingest.doors.ibm.request import PushMessage, PushMessages
from services.ingest.doors.ibm.sent import Line
from services.ingest.doors.ibm.variants import named, targets_of
from services.ingest.doors.ibm.wording import Said, place, when
from services.ingest.problems import Refused, invalid
from services.ingest.sends import SendAccepted
from services.ingest.sends import place as store
from services.ingest.several import stored
from shared.flow.identity import new_send_id
from shared.flow.send import Problem, SendRequest


class Sent(Said):
    """The answer to one message: what was asked, and its id."""

    message: JsonValue
    message_id: str


class SentAll(Said):
    """The answer to many."""

    messages: tuple[Line, ...]


async def post(desk: Desk, call: Call) -> Reply:
    """Accepts one message."""
    wanted: PushMessage = call.body
    id_ = new_send_id(call.bits, call.at)
    done = await _stored(desk, call, await _read(desk, call, wanted, id_), id_)
    echo = wanted.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    return Reply(HTTPStatus.ACCEPTED, Sent(message=echo, message_id=done), place(call.app, "messages", done))


async def post_all(desk: Desk, call: Call) -> Reply:
    """Accepts many, or none of them."""
    wanted: PushMessages = call.body
    ids = [new_send_id(call.bits, call.at) for _ in wanted.root]
    requests = await _read_all(desk, call, wanted, ids)
    await stored(ids, lambda n: _stored(desk, call, requests[n], ids[n]))
    now = when(call.at or desk.now())
    lines = [
        Line(message_id=id_, created_time=now, href=place(call.app, "messages", id_), alert=one.message.alert)
        for one, id_ in zip(wanted.root, ids, strict=True)
    ]
    return Reply(HTTPStatus.ACCEPTED, SentAll(messages=tuple(lines)))


async def _read(desk: Desk, call: Call, wanted: PushMessage, id_: str) -> SendRequest:
    """The send. Raises `Refused`."""
    targets = await targets_of(desk, call)
    known = await known_by_name(desk, call.app, targets, wanted)
    read = send_of(wanted, id_, targets, named(call), known)
    if isinstance(read, Problem):
        targets = (await desk.rosters.of(call.app, fresh=True)).targets
        read = send_of(wanted, id_, targets, named(call), known)
    if isinstance(read, Problem):
        raise invalid([read])
    return read


async def _read_all(desk: Desk, call: Call, wanted: PushMessages, ids: list[str]) -> list[SendRequest]:
    """The sends. Raises `Refused` with all that is wrong: nothing is stored before everything is known to be good."""
    wrong: list[Problem] = []
    read: list[SendRequest] = []
    for n, (one, id_) in enumerate(zip(wanted.root, ids, strict=True)):
        try:
            request = await _read(desk, call, one, id_)
            await _stored(desk, call, request.model_copy(update={"validate_only": True}), id_)
            read.append(request)
        except Refused as refusal:
            if not refusal.document.errors:
                raise
            wrong += [Problem(pointer=f"/{n}{at.pointer}", detail=at.detail) for at in refusal.document.errors]
        await asyncio.sleep(0)  # a long request holds up no other
    if wrong:
        raise invalid(wrong)
    return read


async def _stored(desk: Desk, call: Call, request: SendRequest, id_: str) -> str:
    """Its id. Raises `Refused`, in IBM's places."""
    try:
        done = await store(desk, call.app, request, SMALL_BODY, id_)
    except Refused as refusal:
        if not refusal.document.errors:
            raise
        raise invalid([placed(one) for one in refusal.document.errors]) from refusal
    return done.id if isinstance(done, SendAccepted) else id_
