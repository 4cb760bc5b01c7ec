"""What a look at a send publishes again: what has no record, was released, and is due."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.planner.mending import LONGEST, Debt, Open, next_look, still_open, to_publish
from shared.flow.lane import Lane
from shared.flow.plan import Plan, PlannedRoute

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def plan() -> Plan:
    routes = tuple(
        PlannedRoute(variant=f"v{n}", platform=platform, bounds=(0, 10, 20, 30), chunks=(2, 2, 1))
        for n, platform in enumerate(("apns", "fcm"))
    )
    deadline = NOW + timedelta(hours=1)
    return Plan(key="a.s", app="a", lane=Lane.BULK, accepted_at=NOW, deadline=deadline, routes=routes)


ALL = [member for one in plan().slices() for member in one.members()]


@given(recorded=st.sets(st.sampled_from(ALL)))
def test_open_is_exactly_what_has_no_record(recorded: set[str]) -> None:
    open_ = still_open(plan(), recorded, [])
    assert {member for member, _ in open_.firsts} == set(ALL) - recorded
    assert bool(open_) == (set(ALL) != recorded)


@given(recorded=st.sets(st.sampled_from(ALL)), apns=st.integers(0, 3), fcm=st.integers(0, 3))
def test_only_released_slices_with_an_open_chunk_are_published_again(recorded: set[str], apns: int, fcm: int) -> None:
    open_ = still_open(plan(), recorded, [])
    due = to_publish(plan(), open_, {"apns": apns, "fcm": fcm}, NOW)
    expected = [
        (one.platform, one.id)
        for platform, released in (("apns", apns), ("fcm", fcm))
        for one in plan().slices_for(platform)[:released]
        if not set(one.members()) <= recorded
    ]
    assert sorted((platform, one.id) for platform, one in due) == sorted(expected)


def test_a_retry_is_published_again_when_it_is_due_and_not_before() -> None:
    early, late = Debt("a.s.1.0/0", 0, NOW - timedelta(seconds=1)), Debt("a.s.1.0/0", 1, NOW + timedelta(seconds=1))
    open_ = still_open(plan(), set(ALL), [early, late])
    assert [(platform, one.id) for platform, one in to_publish(plan(), open_, {}, NOW)] == [("fcm", "a.s.1.0/0~0")]


def test_a_retry_with_a_record_of_its_own_is_owed_nothing() -> None:
    debt = Debt("a.s.1.0/0", 0, NOW)
    assert not still_open(plan(), {*ALL, debt.member}, [debt])


@given(wait=st.integers(0, 10**6), due=st.lists(st.integers(-1000, 10**6), max_size=4), closes=st.integers(-10, 10**7))
def test_the_next_look_is_never_past_a_debt_or_the_closing_and_never_at_once(
    wait: int, due: list[int], closes: int
) -> None:
    debts = tuple(Debt("a.s.0.0/0", n, NOW + timedelta(seconds=s)) for n, s in enumerate(due))
    closes_at = NOW + timedelta(seconds=closes)
    look = next_look(Open((), debts), NOW, timedelta(seconds=wait), closes_at, 1)
    assert look > NOW
    assert look <= max(NOW + LONGEST, NOW + timedelta(milliseconds=100))
    assert all(look <= max(debt.due, NOW + timedelta(milliseconds=100)) for debt in debts if debt.due > NOW)
    assert look <= max(closes_at, NOW + timedelta(milliseconds=100))
