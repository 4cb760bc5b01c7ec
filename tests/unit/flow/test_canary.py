"""A canary's sample is cut off first, and nobody is lost or doubled by it; what counts as failed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.canary import failed_share, sampled_lists, sampled_range, share_of
from shared.flow.identity import SHARDS
from shared.flow.plan import ListRange, PlannedRoute, ShardRange, chunk_of
from shared.flow.report import Sum
from shared.flow.timing import Canary
from shared.flow.verdict import Fate

SHARES = st.floats(0.0001, 0.9999)


@given(estimate=st.integers(0, 100_000), share=SHARES, size=st.integers(50, 5000), in_a_slice=st.sampled_from([1, 10]))
def test_the_chunks_of_a_sampled_scan_cover_every_shard_once_and_the_sample_its_share(
    estimate: int, share: float, size: int, in_a_slice: int
) -> None:
    bounds, chunks, sample = sampled_range(estimate, share, size, in_a_slice)
    route, reached = PlannedRoute(variant="v", platform="p", bounds=bounds, chunks=chunks, sample=sample), 0
    for number, count in enumerate(chunks):
        if number == sample:
            assert abs(reached / SHARDS - share) < 1e-6
        for chunk in range(count):
            where = chunk_of(route, number, chunk)
            assert isinstance(where, ShardRange)
            assert where.low == reached < where.high
            reached = where.high
    assert reached == SHARDS
    assert max(chunks) <= in_a_slice


@given(lengths=st.lists(st.integers(1, 9000), max_size=5), share=SHARES, size=st.integers(50, 1000))
def test_the_chunks_of_sampled_lists_cover_every_position_once(lengths: list[int], share: float, size: int) -> None:
    pieces, chunks, sample = sampled_lists(lengths, share, size)
    route = PlannedRoute(variant="v", platform="p", pieces=pieces, chunks=chunks, sample=sample)
    seen = Counter[tuple[int, int]]()
    for number, count in enumerate(chunks):
        for chunk in range(count):
            where = chunk_of(route, number, chunk)
            assert isinstance(where, ListRange)
            seen.update((where.part, position) for position in range(where.start, where.end))
    assert seen == Counter({(part, at): 1 for part, length in enumerate(lengths) for at in range(length)})
    first = sum(piece.end - piece.start for piece in pieces[:sample])
    assert 0 <= first - sum(lengths) * share <= 1


@pytest.mark.parametrize(
    ("ends", "matched", "failed"),
    [
        ({}, 0, 0.0),
        ({Fate.DELIVERED: 90, Fate.REJECTED: 10}, 100, 0.1),
        ({Fate.DELIVERED: 50, Fate.UNREGISTERED: 40, Fate.SUPPRESSED: 10}, 100, 0.0),
        ({Fate.DELIVERED: 75}, 100, 0.25),
        ({Fate.FAILED: 1, Fate.EXPIRED: 1, Fate.DELIVERED: 2}, 4, 0.5),
        ({Fate.UNREGISTERED: 5}, 10, 1.0),
    ],
)
def test_what_is_refused_late_or_still_owed_has_failed_and_dead_tokens_have_not(
    ends: dict[Fate, int], matched: int, failed: float
) -> None:
    counts = Counter({("v", "p", fate, ""): n for fate, n in ends.items()})
    assert failed_share(Sum(matched=Counter({("v", "p"): matched}), counts=counts)) == failed


@pytest.mark.parametrize(
    ("ends", "waiting", "failed"),
    [
        ({}, 10, None),
        ({Fate.SUPPRESSED: 2, Fate.UNREGISTERED: 1}, 7, None),
        ({Fate.DELIVERED: 3}, 7, 0.0),
        ({Fate.DELIVERED: 3, Fate.REJECTED: 1}, 6, 0.25),
        ({Fate.DELIVERED: 3}, 6, 0.25),
        ({Fate.DELIVERED: 9, Fate.REJECTED: 1}, 3, 0.1),
    ],
    ids=["nobody's turn", "nobody who counts", "some", "one failed", "one is owed another", "counted a moment apart"],
)
def test_who_waits_for_a_time_of_his_own_has_not_failed(
    ends: dict[Fate, int], waiting: int, failed: float | None
) -> None:
    counts = Counter({("v", "p", fate, ""): n for fate, n in ends.items()})
    assert failed_share(Sum(matched=Counter({("v", "p"): 10}), counts=counts), waiting) == failed


def test_a_number_is_a_share_of_all() -> None:
    assert share_of(Canary(number=100), 1000) == 0.1
    assert share_of(Canary(number=100), 50) == 1.0
    assert share_of(Canary(share=0.02), 50) == 0.02
