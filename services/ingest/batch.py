"""A backend says up to 1,000 things at once: independent sends, each with its own outcome."""

import json
from http import HTTPStatus
from typing import Any, Final

from pydantic import Field, JsonValue

from services.ingest.answers import refusal_of
from services.ingest.body import parsed
from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import ProblemDocument
from services.ingest.sends import SendAccepted, SendValid, place
from services.ingest.several import each
from shared.flow.identity import new_send_id
from shared.flow.model import Travelling
from shared.flow.send import SendRequest
from shared.flow.size import SMALL, bytes_of

MOST: Final = 1000


class Batch(Travelling):
    """Sends that have nothing to do with each other. What is wrong with one stops none of the others."""

    sends: tuple[dict[str, JsonValue], ...] = Field(min_length=1, max_length=MOST)


class Outcome(Travelling):
    """What became of one send of a batch."""

    status: int = Field(description="as if it had been posted alone: 202, 200 (valid), 413, 422 or 503")
    send: SendAccepted | SendValid | None = Field(default=None, description="if it was accepted, or is valid")
    problem: ProblemDocument | None = Field(default=None, description="if it was refused; pointers start at the send")


class BatchDone(Travelling):
    """The outcomes, in the order of the batch."""

    accepted: int
    refused: int
    results: tuple[Outcome, ...]


async def post(desk: Desk, call: Call) -> Reply:
    """Accepts what is good of a batch."""
    batch: Batch = call.body
    members = [(raw, new_send_id(call.bits, call.at)) for raw in batch.sends]
    results = tuple(await each(members, lambda one: _one(desk, call.app, *one)))
    accepted = sum(one.status == HTTPStatus.ACCEPTED for one in results)
    refused = sum(one.problem is not None for one in results)
    return Reply(
        HTTPStatus.OK, BatchDone(accepted=accepted, refused=refused, results=results), settled=settled(results)
    )


async def _one(desk: Desk, app: str, raw: dict[str, Any], id_: str) -> Outcome:
    try:
        text = json.dumps(raw).encode()
        request = parsed(SendRequest, text)
        assert isinstance(request, SendRequest)  # noqa: S101  # it is parsed as one
        size = len(text) if len(text) <= SMALL else bytes_of(raw)  # escaped like this it is never shorter
        done = await place(desk, app, request, size, id_)
    except Exception as error:  # noqa: BLE001  # each is one member's; what nobody foresaw is logged
        problem = refusal_of(error).document
        return Outcome(status=problem.status, problem=problem)
    return Outcome(status=HTTPStatus.ACCEPTED if isinstance(done, SendAccepted) else HTTPStatus.OK, send=done)


def settled(results: tuple[Outcome, ...]) -> bool:
    """Whether every member was accepted or refused for good: what the store or we failed at may be tried again."""
    return all(one.status < HTTPStatus.INTERNAL_SERVER_ERROR for one in results)
