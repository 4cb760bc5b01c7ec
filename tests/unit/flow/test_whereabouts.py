"""Where in a plan a device is: in the one chunk that covers it; and what records say of it, attempt by attempt."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.identity import device_id, root_of, shard_of
from shared.flow.lane import Lane
from shared.flow.plan import Plan, PlannedRoute, ShardRange, chunk_of, cut_range
from shared.flow.receipt import Receipts, Received
from shared.flow.record import Count, Owed, Part, Undelivered
from shared.flow.verdict import Fate
from shared.flow.whereabouts import chunks_for, receipt_of
from tests.records import NOW

DEVICE, OTHER = device_id("v1", "one"), device_id("v1", "two")
FIRST, SECOND = "app.send.0.0/0", "app.send.0.0/0~0/0"
LATER = NOW + timedelta(minutes=1)


def plan_for(*estimates: int) -> Plan:
    cuts = [cut_range(estimate, 50) for estimate in estimates]
    routes = tuple(
        PlannedRoute(variant=f"v{n}", platform="apns", bounds=bounds, chunks=chunks)
        for n, (bounds, chunks) in enumerate(cuts)
    )
    return Plan(key="app.send", app="app", lane=Lane.BULK, accepted_at=NOW, deadline=LATER, routes=routes)


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=3), st.text(max_size=5))
def test_one_chunk_of_each_route_covers_a_device(estimates: list[int], seed: str) -> None:
    plan, device = plan_for(*estimates), device_id("v1", seed)
    found = chunks_for(plan, device)
    assert found is not None
    assert [root_of(member)[0] for member in found] == list(range(len(estimates)))
    for member in found:
        route, number = root_of(member)
        where = chunk_of(plan.routes[route], number, int(member.rsplit("/", 1)[1]))
        assert isinstance(where, ShardRange)
        assert where.low <= shard_of(device) < where.high


def part(member: str, at: object = NOW, **more: object) -> Part:
    said = {"member": member, "send": "app.send", "app": "app", "variant": "v1", "platform": "apns", "matched": 1}
    return Part.model_validate({**said, "counts": (), "looked_up_at": NOW, "last_answer_at": at, **more})


def named(platform: str, key: str, device: bytes) -> str:
    return f"{platform}/{key}/{device.hex()}"


def receipts(member: str, *devices: bytes) -> dict[str, Receipts]:
    received = Received()
    received.add(devices, [b""] * len(devices), LATER)
    kept = received.receipts(member, "app.send")
    return {member: kept} if kept else {}


def test_a_retry_that_was_delivered_is_two_attempts() -> None:
    parts = [
        part(FIRST, owed=(Owed(step=0, due=LATER, reason="503", devices=(DEVICE,)),)),
        part(SECOND, LATER, counts=(Count(fate=Fate.DELIVERED, n=1),)),
    ]
    for kept in ({}, receipts(SECOND, DEVICE)):
        found = receipt_of(DEVICE, parts[::-1], kept, named)
        assert found is not None
        assert [(one.attempt, one.outcome, one.reason) for one in found.attempts] == [
            (1, "retry", "503"),
            (2, "delivered", ""),
        ]
        assert (found.outcome, found.provider_id) == ("delivered", named("apns", "app.send", DEVICE))
    assert receipt_of(OTHER, parts, {}, named) is None


def test_what_is_owed_is_open() -> None:
    owed = (Owed(step=0, due=LATER, reason="503", devices=(DEVICE,)),)
    found = receipt_of(DEVICE, [part(FIRST, owed=owed)], {}, named)
    assert found is not None
    assert (found.outcome, found.attempts[0].due) == ("open", LATER)


def test_a_retry_that_was_closed_by_counting_ends_as_all_of_it_did() -> None:
    owed = (Owed(step=0, due=LATER, reason="503", devices=(DEVICE, OTHER)),)
    closed = part(SECOND, None, counts=(Count(fate=Fate.EXPIRED, n=2),), closing=True)
    found = receipt_of(OTHER, [part(FIRST, owed=owed), closed], {}, named)
    assert found is not None
    assert (found.outcome, found.provider_id) == ("expired", None)


def test_a_failure_says_why_and_since_when() -> None:
    dead = Undelivered(device=DEVICE, fate=Fate.UNREGISTERED, reason="Unregistered", since=NOW)
    found = receipt_of(DEVICE, [part(FIRST, undelivered=(dead,))], {}, named)
    assert found is not None
    assert (found.outcome, found.reason, found.since) == ("unregistered", "Unregistered", NOW)
