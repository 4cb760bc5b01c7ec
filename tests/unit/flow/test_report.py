"""Folding gives the same report in any order and any repetition, and a finished one adds up."""

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.plan import Counted
from shared.flow.record import Undelivered
from shared.flow.report import Outcomes, fold, report, settled
from shared.flow.verdict import Fate
from tests.records import NOW, everything, part, plan_with


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
    assert not settled(sum(chunks), left)
    assert settled(sum(chunks), parts)


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
