"""Folding gives the same report in any order and any repetition, and a finished one adds up."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.identity import member_id, retry_slice_id
from shared.flow.lane import Lane
from shared.flow.plan import Counted, Plan, PlannedRoute
from shared.flow.record import LATENCY_BOUNDS, Count, Owed, Part, Undelivered
from shared.flow.report import Outcomes, fold, report
from shared.flow.verdict import Fate

NOW = datetime(2030, 1, 1, tzinfo=UTC)
VARIANTS = (("v1", "apns"), ("v2", "fcm"))


def plan_with(chunks: list[int]) -> Plan:
    routes = tuple(
        PlannedRoute(variant=variant, platform=platform, bounds=tuple(range(n + 1)), chunks=(1,) * n)
        for (variant, platform), n in zip(VARIANTS, chunks, strict=True)
    )
    deadline = NOW + timedelta(hours=1)
    return Plan(key="app.send", app="app", lane=Lane.BULK, accepted_at=NOW, deadline=deadline, routes=routes)


def part(member: str, route: int, matched: int, rng: random.Random, *, owes: bool) -> Part:
    """A chunk whose devices met random fates; some are owed another attempt."""
    left, counts = matched, []
    for fate in (Fate.REJECTED, Fate.UNREGISTERED, Fate.EXPIRED, Fate.FAILED, Fate.SUPPRESSED):
        n = rng.randint(0, left // 2)
        if n:
            counts.append(Count(fate=fate, reason="why", n=n))
            left -= n
    owed = rng.randint(1, left) if owes and left else 0
    if left - owed:
        counts.append(Count(fate=Fate.DELIVERED, n=left - owed))
    debts = (Owed(step=0, due=NOW, reason="503", devices=tuple(bytes([i % 256]) * 12 for i in range(owed))),)
    histogram = tuple(rng.randint(0, 9) for _ in range(len(LATENCY_BOUNDS) + 1))
    return Part(
        member=member,
        send="app.send",
        app="app",
        variant=VARIANTS[route][0],
        platform=VARIANTS[route][1],
        matched=matched,
        counts=tuple(counts),
        owed=debts if owed else (),
        looked_up_at=NOW,
        latency=histogram if rng.random() < 0.8 else (),
        last_answer_at=NOW + timedelta(seconds=rng.randint(0, 9)),
    )


def everything(chunks: list[int], seed: int) -> list[Part]:
    """All records of a send that is over: every planned chunk and every retry that one names."""
    rng = random.Random(seed)
    parts: list[Part] = []
    for one in plan_with(chunks).slices():
        route = int(one.id.split(".")[2])
        parts.append(part(one.members()[0], route, rng.randint(0, 40), rng, owes=True))
        while parts[-1].owed:
            debt = parts[-1].owed[0]
            member = member_id(retry_slice_id(parts[-1].member, debt.step), 0)
            deeper = member.count("~") < 4
            parts.append(part(member, route, len(debt.devices), rng, owes=deeper))
    return parts


@given(chunks=st.lists(st.integers(1, 5), min_size=2, max_size=2), seed=st.integers(0, 10_000))
def test_folding_gives_the_same_in_any_order_grouping_and_repetition(chunks: list[int], seed: int) -> None:
    parts = everything(chunks, seed)
    shuffled = parts * 2
    random.Random(seed).shuffle(shuffled)
    half = len(parts) // 2
    assert fold(shuffled) == fold(parts)
    assert fold(parts[:half]) + fold(parts[half:]) == fold(parts)


@given(chunks=st.lists(st.integers(1, 5), min_size=2, max_size=2), seed=st.integers(0, 10_000))
def test_a_finished_report_adds_up_for_the_whole_and_each_variant(chunks: list[int], seed: int) -> None:
    plan, parts = plan_with(chunks), everything(chunks, seed)
    done = report(plan, fold(parts))
    assert done.state == "finished"
    assert done.total.planned == sum(one.matched for one in parts if one.first)
    for outcomes in (done.total, *done.variants):
        assert outcomes.open == 0
        assert outcomes.planned == sum_of_fates(outcomes)
        for fate, reasons in outcomes.reasons.items():
            assert sum(reasons.values()) <= getattr(outcomes, fate)
    assert sum(one.planned for one in done.variants) == done.total.planned


@given(chunks=st.lists(st.integers(1, 5), min_size=2, max_size=2), seed=st.integers(0, 10_000), data=st.data())
def test_a_send_that_lacks_any_record_is_not_finished(chunks: list[int], seed: int, data: st.DataObject) -> None:
    parts = everything(chunks, seed)
    missing = data.draw(st.sampled_from(parts))
    left = [one for one in parts if one is not missing and not one.member.startswith(missing.member + "~")]
    assert report(plan_with(chunks), fold(left)).state == "running"


def test_devices_that_were_never_planned_are_counted_once_as_expired() -> None:
    plan = plan_with([0, 0]).model_copy(
        update={"routes": (), "counted": (Counted(variant="v1", platform="apns", n=7),)}
    )
    done = report(plan, fold([]))
    assert done.state == "finished"
    assert (done.total.planned, done.total.expired, done.total.open) == (7, 7, 0)


def test_a_part_is_balanced_when_counts_and_debts_make_up_what_matched() -> None:
    rng = random.Random(5)
    one = part("app.send.0.0/0", 0, 30, rng, owes=True)
    assert one.balanced()
    assert not one.model_copy(update={"matched": 31}).balanced()


def test_the_dead_are_listed_with_the_providers_time() -> None:
    one = Undelivered(device=b"x" * 12, fate=Fate.UNREGISTERED, reason="Unregistered", since=NOW)
    assert Undelivered.model_validate_json(one.model_dump_json()) == one


def sum_of_fates(outcomes: Outcomes) -> int:
    return sum(getattr(outcomes, fate) for fate in Fate)
