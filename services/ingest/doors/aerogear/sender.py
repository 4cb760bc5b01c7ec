"""`POST /rest/sender` and `/rest/sender/batch`: of a batch, all messages are stored, or, if one cannot be, none."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeVar

from services.ingest.call import SMALL_BODY, Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.aerogear.credentials import check_sender
from services.ingest.doors.aerogear.mapping import placed, send_of
from services.ingest.doors.aerogear.request import EmptyAnswer, UnifiedPush, UnifiedPushes
from services.ingest.problems import Refused, invalid, outcome_unknown
from services.ingest.sends import place
from shared.flow.identity import new_send_id
from shared.flow.send import Problem, SendRequest
from shared.store.errors import StoreAway

AT_ONCE: Final = 200
"""Messages of a batch that are worked at the same time: two groups of the group commit."""
T = TypeVar("T")
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
    for found in await _each(members, lambda one: _wrong(desk, call.app, one)):
        wrong += found
    if wrong:
        raise invalid(wrong)
    stored: list[str] = []

    async def keep(one: Numbered) -> None:
        await place(desk, call.app, one[2], SMALL_BODY, one[1])
        stored.append(one[1])

    try:
        await _each(members, keep)
    except (Refused, StoreAway) as error:
        if not stored:
            raise
        raise outcome_unknown(stored[0]) from error  # some are stored: an `Idempotency-Key` stays theirs
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


async def _each(members: list[Numbered], work: Callable[[Numbered], Awaitable[T]]) -> list[T]:
    """So many at once. Raises the first failure, when all have ended."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(member: Numbered) -> T:
        async with room:
            return await work(member)

    done = await asyncio.gather(*map(one, members), return_exceptions=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return [result for result in done if not isinstance(result, BaseException)]


def _told(refusal: Refused) -> Refused:
    """The same with what is wrong in their places."""
    errors = [placed(one) for one in refusal.document.errors]
    return invalid(errors) if errors else refusal


def _numbered(problem: Problem, n: int) -> Problem:
    return problem.model_copy(update={"pointer": f"/{n}{problem.pointer}"})
