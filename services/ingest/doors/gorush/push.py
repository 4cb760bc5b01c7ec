"""`POST /api/push`: all notifications of a request are stored, or, if one cannot be, none."""

import asyncio
from http import HTTPStatus

from services.ingest.call import SMALL_BODY, Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.gorush.mapping import send_of
from services.ingest.doors.gorush.request import Push, Pushed
from services.ingest.problems import Refused, invalid
from services.ingest.sends import SendAccepted, place
from services.ingest.several import stored
from shared.flow.identity import new_send_id
from shared.flow.send import Problem, SendRequest


async def push(desk: Desk, call: Call) -> Reply:
    """Accepts gorush's notifications."""
    wanted: Push = call.body
    requests = await _read(desk, call.app, wanted)
    await _checked(desk, call, requests)
    ids = [new_send_id(call.bits, call.at) for _ in requests]
    done = await stored(ids, lambda n: place(desk, call.app, requests[n], SMALL_BODY, ids[n]))
    sends = tuple(one.id for one in done if isinstance(one, SendAccepted))
    return Reply(HTTPStatus.OK, Pushed(counts=sum(len(one.tokens) for one in wanted.notifications), sends=sends))


async def _read(desk: Desk, app: str, wanted: Push) -> list[SendRequest]:
    targets = (await desk.rosters.of(app)).targets
    read = [send_of(one, targets) for one in wanted.notifications]
    if any(isinstance(one, Problem) for one in read):
        targets = (await desk.rosters.of(app, fresh=True)).targets
        read = [send_of(one, targets) for one in wanted.notifications]
    wrong = [_placed(one, n) for n, one in enumerate(read) if isinstance(one, Problem)]
    if wrong:
        raise invalid(wrong)
    return [one for one in read if isinstance(one, SendRequest)]


async def _checked(desk: Desk, call: Call, requests: list[SendRequest]) -> None:
    """Raises `Refused` with all that is wrong: nothing is stored before everything is known to be good."""
    wrong: list[Problem] = []
    for n, request in enumerate(requests):
        try:
            await place(desk, call.app, request.model_copy(update={"validate_only": True}), SMALL_BODY, "0" * 10)
        except Refused as refusal:
            wrong += [_placed(one, n) for one in refusal.document.errors]
        await asyncio.sleep(0)  # a long request holds up no other
    if wrong:
        raise invalid(wrong)


def _placed(problem: Problem, n: int) -> Problem:
    """Problems of ours in gorush's place: that of the notification, with what we call the field in words."""
    own = problem.pointer in ("/platform", "")
    detail = problem.detail if own else f"{problem.pointer[1:]}: {problem.detail}"
    return Problem(pointer=f"/notifications/{n}{problem.pointer if own else ''}", detail=detail)
