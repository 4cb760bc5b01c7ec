"""A backend asks how many devices an audience has before it sends to them."""

from http import HTTPStatus

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import invalid
from shared.estimating import Estimating
from shared.flow.estimate import Estimate
from shared.refusal import Unacceptable


async def estimate(desk: Desk, call: Call) -> Reply:
    """Counted where that is quick, else estimated from samples."""
    wanted: Estimate = call.body
    estimating = Estimating(desk.store, desk.rosters, desk.terms, desk.clock)
    try:
        return Reply(HTTPStatus.OK, await estimating.of(call.app, wanted.audience))
    except Unacceptable as error:
        raise invalid(error.problems) from error
