"""A canary: a sample of a send goes first; the rest goes on by itself if few of the sample failed. Pure."""

import math
from collections.abc import Sequence
from typing import Final

from shared.flow.identity import SHARDS
from shared.flow.plan import CHUNK_SIZE, CHUNKS_IN_A_SLICE, Piece, cut_range, cut_spans
from shared.flow.report import Sum
from shared.flow.timing import Canary
from shared.flow.verdict import Fate

NO_FAULT: Final = frozenset({Fate.DELIVERED, Fate.UNREGISTERED, Fate.SUPPRESSED})
"""What a wrong message or credential does not cause: dead tokens are there before any send."""


def share_of(canary: Canary, total: int) -> float:
    """Which part of so many recipients is the sample."""
    if canary.share is not None:
        return canary.share
    return min(1.0, (canary.number or 1) / max(1, total))


def sampled_range(
    estimate: int, share: float, chunk_size: int = CHUNK_SIZE, in_a_slice: int = CHUNKS_IN_A_SLICE
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """As `cut_range`, with the sample in slices of its own, the first ones; and how many these are."""
    sample = math.ceil(estimate * share)
    first, chunks = cut_range(sample, chunk_size, in_a_slice)
    rest, more = cut_range(estimate - sample, chunk_size, in_a_slice)
    cut = max(1, min(SHARDS - 1, int(SHARDS * share)))
    bounds = [low * cut // SHARDS for low in first] + [cut + low * (SHARDS - cut) // SHARDS for low in rest[1:]]
    return tuple(bounds), chunks + more, len(chunks)


def sampled_lists(
    lengths: Sequence[int], share: float, chunk_size: int = CHUNK_SIZE, in_a_slice: int = CHUNKS_IN_A_SLICE
) -> tuple[tuple[Piece, ...], tuple[int, ...], int]:
    """As `cut_lists`, with the sample in pieces of its own, the first ones; and how many these are."""
    left, first, rest = math.ceil(sum(lengths) * share), [], []
    for part, length in enumerate(lengths):
        taken = min(left, length)
        left -= taken
        first.append((part, 0, taken))
        rest.append((part, taken, length))
    sample, chunks = cut_spans(first, chunk_size, in_a_slice)
    others, more = cut_spans(rest, chunk_size, in_a_slice)
    return sample + others, chunks + more, len(sample)


def failed_share(recorded: Sum, waiting: int = 0) -> float | None:
    """Of those that could have got it: the part that failed, was refused, is late, or is owed another attempt still.

    Of the sample so many only wait for a time of their own: they say nothing. None: nobody else is there who does.
    """
    bad = sum(n for (_, _, fate, _), n in recorded.counts.items() if fate not in NO_FAULT)
    good = sum(n for (_, _, fate, _), n in recorded.counts.items() if fate is Fate.DELIVERED)
    owed = max(0, sum(recorded.matched.values()) - sum(recorded.counts.values()) - waiting)
    if waiting and not bad + owed + good:
        return None
    return (bad + owed) / (bad + owed + good) if bad + owed else 0.0
