"""Works the many sends of one request side by side, and tells truly what was stored when one of them fails."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from services.ingest.problems import Refused, outcome_unknown
from shared.store.errors import StoreAway

AT_ONCE: Final = 200
"""Members that are worked at the same time: two groups of the group commit."""
M = TypeVar("M")
T = TypeVar("T")


async def each(members: Sequence[M], work: Callable[[M], Awaitable[T]]) -> list[T]:
    """So many at once; the results in the order of the members. Raises the first failure, when all have ended."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(member: M) -> T:
        async with room:
            return await work(member)

    done = await asyncio.gather(*map(one, members), return_exceptions=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return [result for result in done if not isinstance(result, BaseException)]


async def stored(ids: Sequence[str], store: Callable[[int], Awaitable[T]]) -> list[T]:
    """Stores them all, each by its number; all are known to be good. Raises `Refused`.

    If it fails half-way nobody is told that nothing was stored: the outcome is unknown, and an `Idempotency-Key` stays
    with those that were.
    """
    kept: list[int] = []

    async def keep(number: int) -> T:
        found = await store(number)
        kept.append(number)
        return found

    try:
        return await each(range(len(ids)), keep)
    except (Refused, StoreAway) as error:
        if not kept:
            raise
        raise outcome_unknown(ids[kept[0]]) from error
