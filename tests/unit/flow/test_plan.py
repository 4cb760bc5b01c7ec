"""Cutting loses and doubles no device, whatever the estimate; every id follows from the plan."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.audience import Audience
from shared.flow.identity import SHARDS, attempt_of, member_id, parent_of, retry_slice_id, root_of, send_of
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.plan import (
    CHUNKS_IN_A_SLICE,
    ListRange,
    Plan,
    PlannedRoute,
    ShardRange,
    chunk_of,
    cut_lists,
    cut_range,
    own_plan,
)
from shared.flow.send import Route, Send, SendRequest

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def plan_of(route: PlannedRoute) -> Plan:
    return Plan(
        key="app.send", app="app", lane=Lane.BULK, accepted_at=NOW, deadline=NOW + timedelta(hours=1), routes=(route,)
    )


def scan(estimate: int, chunk_size: int = 500) -> PlannedRoute:
    bounds, chunks = cut_range(estimate, chunk_size)
    return PlannedRoute(variant="v", platform="p", bounds=bounds, chunks=chunks)


@given(estimate=st.integers(0, 3_000_000), size=st.integers(1, 5000))
def test_the_chunks_of_a_scan_cover_every_shard_exactly_once(estimate: int, size: int) -> None:
    route = scan(min(estimate, 400 * size), size)
    reached = 0
    for number, chunks in enumerate(route.chunks):
        assert 1 <= chunks <= CHUNKS_IN_A_SLICE
        for chunk in range(chunks):
            where = chunk_of(route, number, chunk)
            assert isinstance(where, ShardRange)
            assert where.low == reached < where.high
            reached = where.high
    assert reached == SHARDS


@given(estimate=st.integers(1, 5_000_000))
def test_a_scan_has_a_chunk_for_every_500_devices_by_estimate(estimate: int) -> None:
    assert sum(scan(estimate).chunks) == -(-estimate // 500)


@given(lengths=st.lists(st.integers(1, 30_000), max_size=6), size=st.integers(100, 1000))
def test_the_chunks_of_lists_cover_every_position_exactly_once(lengths: list[int], size: int) -> None:
    pieces, chunks = cut_lists(lengths, size)
    route = PlannedRoute(variant="v", platform="p", pieces=pieces, chunks=chunks)
    seen: dict[int, int] = dict.fromkeys(range(len(lengths)), 0)
    for number, count in enumerate(route.chunks):
        for chunk in range(count):
            where = chunk_of(route, number, chunk)
            assert isinstance(where, ListRange)
            assert where.start == seen[where.part]
            assert 0 < where.end - where.start <= size
            seen[where.part] = where.end
    assert seen == dict(enumerate(lengths))


@given(estimate=st.integers(1, 100_000))
def test_slice_and_member_ids_are_distinct_and_say_where_they_come_from(estimate: int) -> None:
    plan = plan_of(scan(estimate))
    members = [member for one in plan.slices() for member in one.members()]
    assert len(set(members)) == len(members) == plan.chunks
    for one in plan.slices():
        assert root_of(one.id)[0] == 0
        assert send_of(one.id) == plan.key
        assert all(send_of(member) == plan.key for member in one.members())


@given(steps=st.lists(st.integers(0, 9), max_size=6))
def test_the_attempt_is_the_length_of_the_path_and_the_path_leads_back(steps: list[int]) -> None:
    member = member_id("app.send.3.17", 4)
    for depth, step in enumerate(steps, start=1):
        slice_ = retry_slice_id(member, step)
        assert parent_of(slice_) == (member, step)
        member = member_id(slice_, 0)
        assert attempt_of(member) == depth + 1
        assert root_of(member) == (3, 17)
        assert send_of(member) == "app.send"


def test_a_small_send_is_its_own_plan_with_one_chunk_for_each_variant() -> None:
    request = SendRequest(audience=Audience(users=("ann", "bob")), message=Message(title="hi"))
    send = Send(
        key="app.send12345",
        app="app",
        request=request,
        lane=Lane.NOW,
        routes=(Route(variant="v1", platform="apns"), Route(variant="v2", platform="fcm")),
        small=True,
        accepted_at=NOW,
        deadline=NOW + timedelta(hours=1),
    )
    plan = own_plan(send)
    assert plan.chunks == 2
    assert [one.platform for one in plan.slices()] == ["apns", "fcm"]
    assert chunk_of(plan.routes[0], 0, 0) == ListRange(-1, 0, 2)
