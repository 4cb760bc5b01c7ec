"""`POST /rest/sender` and `/rest/sender/batch`: of a batch, all messages are stored, or, if one cannot be, none."""

import asyncio
from http import HTTPStatus

from services.ingest.call import SMALL_BODY, Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.aerogear.credentials import check_sender
from services.ingest.doors.aerogear.mapping import placed, send_of
from services.ingest.doors.aerogear.request import EmptyAnswer, UnifiedPush, UnifiedPushes
from services.ingest.problems import Refused, invalid
from services.ingest.sends import place
from services.ingest.several import each, stored
from shared.flow.identity import new_send_id
from shared.flow.send import Problem, SendRequest

Numbered = tuple[int, str, SendRequest]
"""Its place in the batch, the id that it is to have, and the message as a send."""


async def send(desk: Desk, call: Call) -> Reply:
    """Accepts one message; where what becomes of it can be read is in `Location`."""
    check_sender(call)
    wanted: UnifiedPush = call.body
    id_ = new_send_id(call.bits, call.at)
    request = send_of(wanted, id_, await _platforms(desk, call.app))
    if not isinstance(request, SendRequest):
        raise invalid(request)
    try:
        await place(desk, call.app, request, call.size, id_)
    except Refused as refusal:
        raise _told(refusal) from None
    return Reply(HTTPStatus.ACCEPTED, EmptyAnswer(), f"/v1/sends/{id_}")


async def send_batch(desk: Desk, call: Call) -> Reply:
    """Accepts several."""
    check_sender(call)
    wanted: UnifiedPushes = call.body
    platforms = await _platforms(desk, call.app)
    ids = [new_send_id(call.bits, call.at) for _ in wanted.root]
    read = [(n, ids[n], send_of(one, ids[n], platforms)) for n, one in enumerate(wanted.root)]
    wrong = [_numbered(one, n) for n, _, found in read if not isinstance(found, SendRequest) for one in found]
    members = [(n, id_, found) for n, id_, found in read if isinstance(found, SendRequest)]
    for found in await each(members, lambda one: _wrong(desk, call.app, one)):
        wrong += found
    if wrong:
        raise invalid(wrong)
    await stored(ids, lambda n: place(desk, call.app, members[n][2], SMALL_BODY, ids[n]))
    return Reply(HTTPStatus.ACCEPTED, EmptyAnswer())


async def _platforms(desk: Desk, app: str) -> set[str]:
    """Those that the app has variants of."""
    return {target.platform for target in (await desk.rosters.of(app)).targets}


async def _wrong(desk: Desk, app: str, member: Numbered) -> list[Problem]:
    """Nothing is stored before everything is known to be good."""
    n, id_, request = member
    try:
        await place(desk, app, request.model_copy(update={"validate_only": True}), SMALL_BODY, id_)
    except Refused as refusal:
        if not refusal.document.errors:
            raise
        return [_numbered(placed(one), n) for one in refusal.document.errors]
    finally:
        await asyncio.sleep(0)  # a long batch holds up no other request
    return []


def _told(refusal: Refused) -> Refused:
    """The same with what is wrong in their places."""
    errors = [placed(one) for one in refusal.document.errors]
    return invalid(errors) if errors else refusal


def _numbered(problem: Problem, n: int) -> Problem:
    return problem.model_copy(update={"pointer": f"/{n}{problem.pointer}"})
