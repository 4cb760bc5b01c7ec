"""What a variant's rate limit makes of the work: how much is leased, planned and begun at a time. Pure."""

from typing import Final

PORTION: Final = 0.25
"""Seconds of a limit that are leased at a time."""
CHUNK: Final = 2.0
"""Seconds of a limit in a chunk: a chunk that takes long keeps others from being worked."""
SMALLEST_CHUNK: Final = 10
MOST_CHUNKS: Final = 100_000
"""Of a send that is spread, if chunks of the usual size allow it: its plan names each, and is one document."""
MOMENT: Final = 2.0
"""Seconds of a spread send's pace that may be begun at once; never scaled."""
SHORTEST: Final = 1e-6
"""Seconds from one chunk to the next: the clock tells no less apart, and a time scale may leave nothing of a pace."""
BUNDLE: Final = 1.0
"""Seconds of a limit that are worked together of the lane `now`."""


def portion(rate: float) -> int:
    """Notifications that are leased and sent at a time."""
    return max(1, int(rate * PORTION))


def spread(usual: int, per_minute: int, total: int) -> tuple[int, float]:
    """Of a send that is spread over so many: the devices of a chunk, and the seconds from one chunk to the next."""
    size = max(1, min(usual, max(int(per_minute / 60 * CHUNK), -(-total // MOST_CHUNKS))))
    return size, size * 60 / per_minute


def allowance(begun_until: float, now: float, each: float) -> int:
    """How many chunks of a spread send may be begun now. In seconds; it has been begun as if until `begun_until`.

    What was not used before, say over a pause, is not made up for, but for a moment's worth: who looks only now and
    then keeps the pace all the same.
    """
    since = max(begun_until, now - MOMENT)
    return int((now - since) / max(each, SHORTEST)) + 1 if now >= since else 0


def begun(begun_until: float, now: float, each: float, count: int) -> float:
    """As if until when it has been begun, once so many more chunks are."""
    return max(begun_until, now - MOMENT) + count * each


def chunk_size(usual: int, rate: float | None) -> int:
    """Devices that a chunk of a variant is planned for."""
    return usual if rate is None else min(usual, max(SMALLEST_CHUNK, int(rate * CHUNK)))


def bundle_size(rate: float) -> int:
    """Small sends that are worked together."""
    return max(1, int(rate * BUNDLE))
