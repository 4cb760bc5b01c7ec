"""What a look at a send publishes again: what has no record, was released, and is due."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.planner.mending import Debt, Open, next_look, still_open, to_publish
from shared.flow.lane import Lane
from shared.flow.plan import Plan, PlannedRoute

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PATIENCE = timedelta(seconds=30)


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
    due = to_publish(plan(), open_, {"v0": apns, "v1": fcm}, NOW, PATIENCE)
    expected = [
        (one.platform, one.id)
        for platform, released in (("apns", apns), ("fcm", fcm))
        for one in [each for each in plan().slices() if each.platform == platform][:released]
        if not set(one.members()) <= recorded
    ]
    assert sorted((platform, one.id) for platform, one in due) == sorted(expected)


def test_a_retry_is_published_again_when_no_wait_queue_brought_it_and_a_stored_one_when_it_is_due() -> None:
    on_its_way = Debt("a.s.1.0/0", 0, NOW - PATIENCE / 2)
    lost = Debt("a.s.1.0/0", 1, NOW - PATIENCE)
    stored = Debt("a.s.1.0/0", 2, NOW, stored=True)
    later = Debt("a.s.1.0/0", 3, NOW + timedelta(seconds=1), stored=True)
    open_ = still_open(plan(), set(ALL), [on_its_way, lost, stored, later])
    due = to_publish(plan(), open_, {}, NOW, PATIENCE)
    assert [(platform, one.id) for platform, one in due] == [("fcm", "a.s.1.0/0~1"), ("fcm", "a.s.1.0/0~2")]


def test_a_retry_with_a_record_of_its_own_is_owed_nothing() -> None:
    debt = Debt("a.s.1.0/0", 0, NOW)
    assert not still_open(plan(), {*ALL, debt.member}, [debt])


@given(
    wait=st.integers(1, 3600),
    due=st.lists(st.tuples(st.integers(-1000, 10**6), st.booleans()), max_size=4),
    closes=st.integers(-10, 10**7),
)
def test_the_next_look_keeps_its_patience_and_comes_for_the_first_debt_that_is_wanted_and_for_the_closing(
    wait: int, due: list[tuple[int, bool]], closes: int
) -> None:
    debts = tuple(Debt("a.s.0.0/0", n, NOW + timedelta(seconds=s), stored) for n, (s, stored) in enumerate(due))
    closes_at = NOW + timedelta(seconds=closes)
    look = next_look(Open((), debts), NOW, timedelta(seconds=wait), PATIENCE, closes_at)
    soon = NOW + timedelta(milliseconds=100)
    assert soon <= look <= max(NOW + timedelta(seconds=wait), soon)
    assert look <= max(closes_at, soon)
    wanted = [debt.wanted(PATIENCE) for debt in debts if debt.wanted(PATIENCE) > NOW]
    assert all(look <= max(moment, NOW + PATIENCE) for moment in wanted)
    assert look >= min(NOW + PATIENCE, NOW + timedelta(seconds=wait), max(closes_at, soon))
