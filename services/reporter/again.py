"""Does a duty round by round: what fails now is done in another round."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from shared.runtime.life import Life
from shared.store.errors import StoreAway

log = structlog.get_logger()


async def again_and_again(
    life: Life, every: timedelta, duty: str, work: Callable[[], Awaitable[None]], *, then: timedelta | None = None
) -> None:
    """Until the process is asked to stop. With `then`, that is how far apart the later rounds are."""
    while await life.pause(every):
        every = then or every
        await unharmed(duty, work)


async def unharmed(duty: str, work: Callable[[], Awaitable[None]]) -> None:
    """Once, whatever comes of it."""
    try:
        await work()
    except StoreAway as error:
        log.warning("duty_interrupted", duty=duty, error=type(error).__name__)
    except Exception:
        log.exception("duty_failed", duty=duty)
