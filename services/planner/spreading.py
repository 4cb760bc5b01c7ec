"""Decides which slices of a send that is spread over time go next. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.planner.credit import Fed
from shared.flow.limiting import allowance, begun
from shared.flow.plan import Slice
from shared.store.schedule import Scheduled


@dataclass(frozen=True, slots=True)
class Step:
    """Slices of one variant; `paced`: as if until when the send has been begun, before and after."""

    variant: str
    slices: list[Slice]
    paced: tuple[float, float]


def next_step(entry: Scheduled, fed: Fed, now: datetime, each: timedelta, window: int) -> Step | None:
    """As many as their time has come, of one variant after the other; fewer if the workers lag behind. None: none."""
    left = [one for one in fed.slices if entry.released.get(one, 0) < fed.may(one)]
    if not left:
        return None
    variant, released = left[0], entry.released.get(left[0], 0)
    pace, at = each.total_seconds(), now.timestamp()
    room = window - fed.outstanding(variant, released)
    slices = fed.waiting(variant, released, max(0, min(allowance(entry.paced, at, pace), room)))
    return Step(variant, slices, (entry.paced, begun(entry.paced, at, pace, len(slices)))) if slices else None
