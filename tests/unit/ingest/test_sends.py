"""What a sender is told when the store fails under its send."""

from typing import Any, cast

import pytest
from pymongo.errors import AutoReconnect, PyMongoError, ServerSelectionTimeoutError, WTimeoutError

from services.ingest import sends
from services.ingest.call import Call
from services.ingest.desk import Desk
from services.ingest.keys import Key
from services.ingest.problems import OUTCOME_UNKNOWN, Refused
from shared.flow.accept import Terms
from shared.flow.send import Send
from shared.roster import Roster
from shared.runtime.clock import FixedClock
from tests.unit.ingest.requests import VARIANTS, to

pytestmark = pytest.mark.anyio


class Rosters:
    """Believes that the app has no variant, until it looks."""

    async def of(self, _: str, *, fresh: bool = False) -> Roster:
        return Roster(VARIANTS if fresh else (), fresh)


class NoTerms:
    async def of(self, *_: object) -> Terms:
        return Terms()


class Commit:
    def __init__(self, error: PyMongoError | None) -> None:
        self.error = error
        self.put_: list[Send] = []

    async def put(self, send: Send) -> None:
        self.put_.append(send)
        if self.error:
            raise self.error


def desk_with(commit: Commit) -> Desk:
    nothing = cast(Any, None)
    return Desk(
        store=nothing, clock=FixedClock(), keys=nothing, rosters=cast(Any, Rosters()), reports=nothing,
        commit=cast(Any, commit), terms=cast(Any, NoTerms()), once=nothing, live=nothing,
    )  # fmt: skip


CALL = Call(Key("app", "a1"), {}, to(users=["ada"]))


@pytest.mark.parametrize("error", [AutoReconnect("reset"), WTimeoutError("slow")])
async def test_after_an_insert_that_may_have_happened_the_sender_is_told_where_to_look(error: PyMongoError) -> None:
    commit = Commit(error)
    with pytest.raises(Refused) as refused:
        await sends.post(desk_with(commit), CALL)
    document = refused.value.document
    assert (document.status, document.type, document.send) == (503, OUTCOME_UNKNOWN, commit.put_[0].id)
    assert "Retry-After" not in refused.value.headers  # repeated without a look, it might be sent twice


async def test_an_insert_that_never_went_out_leaves_no_doubt() -> None:
    with pytest.raises(ServerSelectionTimeoutError):  # answered as: the store does not answer
        await sends.post(desk_with(Commit(ServerSelectionTimeoutError("none"))), CALL)


async def test_a_variant_made_a_moment_ago_is_sent_to() -> None:
    commit = Commit(None)
    reply = await sends.post(desk_with(commit), CALL)
    assert (reply.status, len(commit.put_[0].routes)) == (202, len(VARIANTS))
