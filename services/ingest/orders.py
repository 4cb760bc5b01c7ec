"""A backend calls a send off, makes it wait and go on, or changes one that is scheduled."""

from http import HTTPStatus

from services.ingest.body import too_large
from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import invalid, missing, refused
from services.ingest.sends import show
from shared.editing import Editing
from shared.flow.identity import SEND_ID, send_key
from shared.flow.order import Wish
from shared.flow.size import limit_broken
from shared.ordering import Ordering, TooLate
from shared.refusal import Unacceptable


async def cancel(desk: Desk, call: Call) -> Reply:
    """Calls a send off; what was not sent is counted as cancelled."""
    return await _ordered(desk, call, Wish.CANCEL)


async def pause(desk: Desk, call: Call) -> Reply:
    """Begins nothing more of a send until it is resumed; its deadline stays."""
    return await _ordered(desk, call, Wish.PAUSE)


async def resume(desk: Desk, call: Call) -> Reply:
    """Goes on with a paused send."""
    return await _ordered(desk, call, Wish.RESUME)


async def replace(desk: Desk, call: Call) -> Reply:
    """Another message, audience or time for a scheduled send that has not begun."""
    wanted = call.path["send"]
    if SEND_ID.fullmatch(wanted) is None:
        raise missing("the app has no such send")
    if (most := limit_broken(call.body, call.size)) is not None:
        raise too_large(most)
    try:
        await Editing(desk.store, desk.rosters, desk.terms, desk.clock).replace(send_key(call.app, wanted), call.body)
    except Unacceptable as error:
        raise invalid(error.problems) from error
    except TooLate as error:
        raise refused(HTTPStatus.CONFLICT, str(error)) from error
    return await show(desk, call)


async def _ordered(desk: Desk, call: Call, wish: Wish) -> Reply:
    wanted = call.path["send"]
    if SEND_ID.fullmatch(wanted) is None:
        raise missing("the app has no such send")
    try:
        await Ordering(desk.store, desk.clock).carry_out(send_key(call.app, wanted), wish)
    except TooLate as error:
        raise refused(HTTPStatus.CONFLICT, str(error)) from error
    return await show(desk, call)
