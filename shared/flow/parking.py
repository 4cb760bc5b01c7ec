"""Parking: when a variant is left alone because its credentials are refused, and when it is tried again. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

ENOUGH: Final = 3
"""Notifications refused over the credentials in a row, none in between that went through: one answer is no proof."""
PROBES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10))
"""Between two probes, the last one from there on; before the time scale."""
SOONEST: Final = timedelta(seconds=5)
LATEST: Final = timedelta(seconds=30)
"""How long what is on the bus waits for another look at a parked variant: what was mended is taken up within this."""


def until_probe(probes: int) -> timedelta:
    """From one probe to the next, when there were so many; before the time scale."""
    return PROBES[min(probes, len(PROBES) - 1)]


def next_look(now: datetime, since: datetime, probe_at: datetime, scaled: Callable[[timedelta], timedelta]) -> datetime:
    """When a slice that waits on the bus for a parked variant comes again: the later the longer it is parked."""
    look = now + min(max((now - since) / 4, scaled(SOONEST)), scaled(LATEST))
    return probe_at if now < probe_at < look else look
