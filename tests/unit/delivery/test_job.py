"""What a member id means: the range of its chunk, and for a retry the record that lists its devices."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.job import job
from shared.flow.identity import SHARDS, member_id, retry_slice_id
from shared.flow.lane import Lane
from shared.flow.plan import ListRange, Plan, PlannedRoute, ShardRange, cut_lists, cut_range
from tests.unit.delivery.chunks import NOW, send

SEND = send()


def plan(*routes: PlannedRoute) -> Plan:
    return Plan(key=SEND.key, app="app", lane=Lane.BULK, accepted_at=NOW, deadline=SEND.deadline, routes=routes)


def scan(estimate: int) -> PlannedRoute:
    bounds, chunks = cut_range(estimate, 10)
    return PlannedRoute(variant="v1", platform="apns", bounds=bounds, chunks=chunks)


def walk(*lengths: int) -> PlannedRoute:
    pieces, chunks = cut_lists(lengths, 10)
    return PlannedRoute(variant="v2", platform="fcm", pieces=pieces, chunks=chunks)


@given(estimate=st.integers(0, 3000), lengths=st.lists(st.integers(1, 400), max_size=3))
def test_the_chunks_of_a_plan_cover_everything_once(estimate: int, lengths: list[int]) -> None:
    whole = plan(scan(estimate), walk(*lengths))
    jobs = [job(member, SEND, whole) for one in whole.slices() for member in one.members()]
    assert len(jobs) == whole.chunks
    ranges = [one.where for one in jobs if isinstance(one.where, ShardRange)]
    assert (ranges[0].low, ranges[-1].high) == (0, SHARDS)
    assert all(one.high == two.low for one, two in itertools.pairwise(ranges))
    walked = [
        (where.part, position)
        for one in jobs
        if isinstance(where := one.where, ListRange)
        for position in range(where.start, where.end)
    ]
    assert walked == [(part, position) for part, length in enumerate(lengths) for position in range(length)]
    assert all(one.parent is None for one in jobs)


@given(path=st.lists(st.integers(0, 20), min_size=1, max_size=6), slice_=st.integers(0, 9), chunk=st.integers(0, 9))
def test_a_retry_names_its_parent_and_keeps_the_range_of_its_first_attempt(
    path: list[int], slice_: int, chunk: int
) -> None:
    whole = plan(scan(1000))
    first = member = member_id(f"{SEND.key}.0.{slice_}", chunk)
    for step in path:
        parent, member = member, member_id(retry_slice_id(member, step), 0)
    one = job(member, SEND, whole)
    assert one.parent == (parent, path[-1])
    assert one.where == job(first, SEND, whole).where


@pytest.mark.parametrize("wrong", ["1.0/0", "0.1/0", "0.0/4", "0.9/0"])
def test_a_member_that_does_not_follow_from_its_plan_is_refused(wrong: str) -> None:
    with pytest.raises(LookupError):
        job(f"{SEND.key}.{wrong}", SEND, plan(scan(40)))


def test_the_chunks_of_a_spread_send_have_their_turns_one_after_the_other() -> None:
    bounds, chunks = cut_range(30, 10, 1)
    pieces, more = cut_lists([20], 10, 1)
    routes = (
        PlannedRoute(variant="v1", platform="apns", bounds=bounds, chunks=chunks),
        PlannedRoute(variant="v2", platform="fcm", pieces=pieces, chunks=more),
    )
    whole = plan(*routes).model_copy(update={"pace": 1.5})
    members = [member for one in whole.slices() for member in one.members()]
    assert [job(one, SEND, whole).turn.total_seconds() for one in members] == [0, 1.5, 3, 4.5, 6]
    retried = member_id(retry_slice_id(members[3], 0), 0)
    assert job(retried, SEND, whole).turn.total_seconds() == 4.5
    assert not job(members[3], SEND, plan(*routes)).turn
