"""The sends of one request: side by side, and never said to be unstored when some were stored."""

from http import HTTPStatus

import pytest
from pymongo.errors import PyMongoError

from services.ingest.problems import Refused, refused
from services.ingest.several import each, stored

pytestmark = pytest.mark.anyio
IDS = ["one", "two", "three"]


async def test_results_come_in_the_order_of_the_members() -> None:
    async def double(n: int) -> int:
        return 2 * n

    assert await each(range(1000), double) == [2 * n for n in range(1000)]
    assert await each((), double) == []


@pytest.mark.parametrize("failing", [{0, 1, 2}, {1}, {0, 2}])
async def test_whoever_fails_first_is_told_unless_something_was_stored(failing: set[int]) -> None:
    async def store(n: int) -> str:
        if n in failing:
            raise refused(HTTPStatus.UNPROCESSABLE_ENTITY, "no")
        return IDS[n]

    with pytest.raises(Refused) as told:
        await stored(IDS, store)
    whole = len(failing) == len(IDS)
    assert told.value.document.status == (HTTPStatus.UNPROCESSABLE_ENTITY if whole else HTTPStatus.SERVICE_UNAVAILABLE)
    assert whole or "outcome-unknown" in str(told.value.document.type)


async def test_the_stores_silence_half_way_is_an_unknown_outcome() -> None:
    async def store(n: int) -> str:
        if n:
            raise PyMongoError
        return IDS[n]

    with pytest.raises(Refused) as told:
        await stored(IDS, store)
    assert "one" in told.value.document.detail
