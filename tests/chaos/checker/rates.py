"""How steady a flow is: how many were accepted in every window of some seconds. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

STEP: Final = timedelta(seconds=1)


def windows(moments: Sequence[datetime], length: timedelta, margin: timedelta) -> list[int]:
    """Counts of all windows of this length, a second apart, that lie a margin inside the first and the last moment."""
    counts = []
    at, end = moments[0] + margin, moments[-1] - margin
    while at + length <= end:
        counts.append(bisect_left(moments, at + length) - bisect_left(moments, at))
        at += STEP
    return counts
