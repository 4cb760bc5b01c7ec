"""Each law of the books finds what breaks it, and finds nothing in books that close."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.books import breaches, repeats, still_open, unaccepted, unclosed
from shared.flow.plan import Plan
from shared.flow.record import Count, Part, Undelivered
from shared.flow.report import Report, fold, report
from shared.flow.verdict import Fate
from tests.records import NOW, VARIANTS, plan_with
from tests.unit.delivery.chunks import device

FIRST, RETRY = "app.send.0.0/0", "app.send.0.0/0~0/0"
Change = dict[str, object]


def part(member: str, devices: int, *, gone: int = 0, owed: int = 0) -> Part:
    """So many devices, numbered; the first of them are gone, the last of them owed."""
    ids = [device(number).id for number in range(devices)]
    counts = {Fate.UNREGISTERED: gone, Fate.DELIVERED: devices - gone - owed}
    debt = {"step": 0, "due": NOW, "reason": "503", "devices": tuple(ids[devices - owed :])}
    return Part.model_validate(
        {
            "member": member, "send": "app.send", "app": "app", "variant": VARIANTS[0][0], "platform": VARIANTS[0][1],
            "matched": devices, "counts": tuple(Count(fate=fate, n=n) for fate, n in counts.items() if n),
            "undelivered": tuple(Undelivered(device=one, fate=Fate.UNREGISTERED) for one in ids[:gone]),
            "owed": (debt,) if owed else (), "looked_up_at": NOW,
        }
    )  # fmt: skip


def retry(owing: Part) -> Part:
    """The retry of what this chunk owes: all delivered."""
    owed = owing.owed[0].devices
    counts = (Count(fate=Fate.DELIVERED, n=len(owed)),)
    changes = {"member": RETRY, "matched": len(owed), "counts": counts, "undelivered": (), "owed": ()}
    return owing.model_copy(update=changes)


PLAN: Plan = plan_with([1, 0])
OWING = part(FIRST, 10, gone=2, owed=3)
BOOKS = [OWING, retry(OWING)]


def test_books_that_close_break_no_law() -> None:
    done = report(PLAN, fold(BOOKS))
    assert done.state == "finished"
    assert not breaches(PLAN, BOOKS)
    assert not still_open(PLAN, BOOKS)
    assert not unclosed(done)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ([OWING, OWING], "closed 2 times"),
        ([OWING.model_copy(update={"matched": 11})], "ends and debts for another number"),
        ([OWING.model_copy(update={"undelivered": OWING.undelivered[:1]})], "names"),
        ([OWING.model_copy(update={"member": "app.send.0.0/9"})], "does not follow from the plan"),
        ([OWING.model_copy(update={"variant": "v2"})], "is of variant v1"),
        ([retry(OWING)], "no record names it"),
        ([OWING, retry(OWING).model_copy(update={"matched": 2, "counts": (Count(fate=Fate.DELIVERED, n=2),)})], "of 3"),
        ([OWING.model_copy(update={"undelivered": OWING.undelivered[:1] * 2})], "names a device twice"),
        (
            [OWING, part(FIRST, 3, gone=1).model_copy(update={"member": RETRY})],
            "names 1 devices that were not owed",
        ),
    ],
)
def test_records_that_do_not_fit_are_named(changed: list[Part], says: str) -> None:
    assert any(says in one for one in breaches(PLAN, changed)), breaches(PLAN, changed)


def test_a_chunk_or_a_retry_without_a_record_is_open() -> None:
    assert still_open(PLAN, []) == {FIRST}
    assert still_open(PLAN, [OWING]) == {RETRY}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one: {"total": one.total.model_copy(update={"delivered": one.total.delivered + 1})}, "total: planned"),
        (lambda one: {"total": one.total.model_copy(update={"open": 1})}, "open 1"),
        (lambda one: {"total": one.total.model_copy(update={"reasons": {"failed": {"poison": 1}}})}, "by reason 1"),
        (lambda _: {"variants": ()}, "over the variants"),
    ],
)
def test_a_report_that_does_not_add_up_is_said_to(change: Callable[[Report], Change], says: str) -> None:
    done = report(PLAN, fold(BOOKS))
    assert any(says in one for one in unclosed(done.model_copy(update=change(done))))


def test_what_is_called_delivered_must_have_been_accepted() -> None:
    covered = {FIRST: {device(number).id for number in range(10)}}
    accepted = {device(number).id for number in range(2, 10)}
    assert unaccepted(BOOKS, covered, accepted) == 0
    assert unaccepted(BOOKS, covered, accepted - {device(9).id}) == 1
    assert unaccepted(BOOKS[:1], covered, accepted - {device(9).id}) == 0
    assert unaccepted(BOOKS, covered, accepted - {device(3).id}) == 1


@given(st.dictionaries(st.binary(min_size=1, max_size=3), st.integers(0, 4)))
def test_a_repeat_is_every_acceptance_but_the_first(accepted: dict[bytes, int]) -> None:
    assert repeats(accepted) == sum(accepted.values()) - sum(1 for n in accepted.values() if n)
