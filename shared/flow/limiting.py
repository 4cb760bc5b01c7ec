"""What a variant's rate limit makes of the work: how much is leased, planned and begun at a time. Pure."""

from typing import Final

PORTION: Final = 0.25
"""Seconds of a limit that are leased at a time."""
CHUNK: Final = 2.0
"""Seconds of a limit in a chunk: a chunk that takes long keeps others from being worked."""
SMALLEST_CHUNK: Final = 10
BUNDLE: Final = 1.0
"""Seconds of a limit that are worked together of the lane `now`."""


def portion(rate: float) -> int:
    """Notifications that are leased and sent at a time."""
    return max(1, int(rate * PORTION))


def chunk_size(usual: int, rate: float | None) -> int:
    """Devices that a chunk of a variant is planned for."""
    return usual if rate is None else min(usual, max(SMALLEST_CHUNK, int(rate * CHUNK)))


def bundle_size(rate: float) -> int:
    """Small sends that are worked together."""
    return max(1, int(rate * BUNDLE))
