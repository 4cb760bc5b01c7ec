"""Bounds reasons: a provider's own string, short enough and plain enough to be a metric's label and a report's key."""

import re
from typing import Final

LONGEST: Final = 64
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.:-]+")


def bounded(reason: str) -> str:
    """The reason in at most 64 characters of `A-Z a-z 0-9 _ . : -`; `unknown` if nothing is left."""
    return _UNFIT.sub("_", reason[: 4 * LONGEST]).strip("_")[:LONGEST] or "unknown"
