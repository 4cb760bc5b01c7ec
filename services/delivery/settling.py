"""Settles the messages that brought slices: all together, none before the last piece of work has ended."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from services.delivery.held import Held
from shared.bus.incoming import Incoming

T = TypeVar("T")


@asynccontextmanager
async def settling(held: Held) -> AsyncIterator[None]:
    """Whatever goes wrong inside, every message that waits for the slice is given back."""
    try:
        yield
    except BaseException:
        await requeue(held.messages)
        raise


async def all_of(work: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Every result, or the first error, but not before the last of them has ended: nothing goes on without a claim."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for one in results:
        if isinstance(one, BaseException):
            raise one
    return [one for one in results if not isinstance(one, BaseException)]


async def ack(messages: Sequence[Incoming]) -> None:
    """Done with them."""
    for message in messages:
        await message.ack()


async def requeue(messages: Sequence[Incoming]) -> None:
    """Somebody else may have them."""
    for message in messages:
        await message.requeue()
