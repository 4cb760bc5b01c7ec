"""Cuts a list of recipients into the parts in which it is stored; pure, so that a send knows their lengths before."""

from collections.abc import Iterator, Sequence
from typing import Final

PART_BYTES: Final = 1_000_000
ENTRY_OVERHEAD: Final = 12
"""BSON spends about this much on an array entry beside the string itself."""


def parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cuts a list into parts of at most 1 MB each."""
    start, size = 0, 0
    for position, value in enumerate(values):
        more = len(value.encode()) + ENTRY_OVERHEAD
        if size + more > PART_BYTES and position > start:
            yield values[start:position]
            start, size = position, 0
        size += more
    if start < len(values):
        yield values[start:]
