"""Looks up the devices of chunks while their claim is still on the way: neither waits for the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

import structlog

from services.delivery.job import Found, Job
from services.delivery.lookup import Lookup

NEWS_FOR: Final = 0.5
"""Seconds. What was looked up ahead is not used if its turn came later than that."""
FEW: Final = 1000
"""Recipients that are looked up ahead: nothing bounds how many bundles wait for their claim and their turn."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a look-up found, and when it began, by the monotonic clock."""

    found: dict[str, Found]
    at: float

    @property
    def news(self) -> bool:
        """Whether it is still to be believed."""
        return monotonic() - self.at < NEWS_FOR


async def look_ahead(lookup: Lookup, jobs: Sequence[Job]) -> Ahead | None:
    """The devices of chunks that are about to be ours. What fails here is tried, and judged, when they are."""
    recipients = sum(one.send.request.audience.named or 0 for one in jobs)
    if recipients > FEW or any(one.parent is not None for one in jobs):
        return None
    began = monotonic()
    try:
        return Ahead(await lookup.find(jobs), began)
    except Exception as error:  # noqa: BLE001
        log.info("not_looked_up_ahead", error=type(error).__name__)
        return None
