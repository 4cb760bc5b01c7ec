"""The two lanes: `now` is never delayed by `bulk`."""

from enum import StrEnum
from typing import Final

NOW_BY_DEFAULT: Final = 100
"""A send to at most this many named recipients goes by `now` unless the request says otherwise."""
NOW_MAX: Final = 10_000
"""A request may raise a send to `now` for at most this many named recipients."""


class Lane(StrEnum):
    """Which queue a send, its slices and its results go through."""

    NOW = "now"
    BULK = "bulk"


def lane_for(named_recipients: int | None, wished: Lane | None) -> Lane:
    """The lane of a send; a wish for `now` counts only for named recipients (up to the limit that the door checks)."""
    if wished is not None:
        return wished
    return Lane.NOW if named_recipients is not None and named_recipients <= NOW_BY_DEFAULT else Lane.BULK
