"""The store adds up what became of records over time, and over sends, to the same as folding them does."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from shared.flow.course import course, delay_bucket
from shared.flow.day import SPAN, app_report, midnight, span_start
from shared.flow.lane import Lane
from shared.flow.plan import Counted
from shared.flow.record import Record
from shared.flow.report import fold
from shared.flow.verdict import Fate
from shared.full_reports import of_app
from shared.store.connection import Store
from tests.integration.store.test_sums import bundles
from tests.records import NOW, everything, plan_with

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", range(3))
async def test_the_stores_course_is_the_courses(opened: Store, seed: int) -> None:
    parts = everything([3 + seed, 5], seed)
    for bundle in bundles(list(parts), random.Random(seed)):
        await opened.records.insert(Record(id=bundle[0].member, by="test", at=NOW, parts=tuple(bundle)))
    for step in (timedelta(seconds=1), timedelta(seconds=5)):
        accepted = NOW - timedelta(seconds=seed)
        assert await opened.records.course("app.send", accepted, step) == course(parts, accepted, step)
        both = await opened.records.sum_and_course("app.send", accepted, step)
        assert both == (fold(parts), course(parts, accepted, step))
    assert not (await opened.records.course("app.other", NOW, timedelta(seconds=1))).slots


async def test_an_apps_days_are_the_same_before_and_after_they_are_written(opened: Store) -> None:
    rng = random.Random(5)
    parts = [
        one.model_copy(update={"lane": Lane.BULK, "accepted_at": NOW - timedelta(seconds=1)})
        for one in everything([6, 6], 5)
    ]
    moments = [NOW + timedelta(minutes=rng.randint(0, 3 * 24 * 60)) for _ in parts]
    for one, at in zip(parts, moments, strict=True):
        await opened.records.insert(Record(id=one.member, by="test", at=at, parts=(one,)))
    alien = parts[0].model_copy(update={"app": "other", "send": "other.send", "member": "other.send.0.0/0"})
    await opened.records.insert(Record(id=alien.member, by="test", at=NOW, parts=(alien,)))
    for number, (app, dry) in enumerate([("app", False), ("app", True), ("other", False), ("new", False)]):
        ended = Counted(variant="v1", platform="apns", n=7, fate=Fate.CANCELLED)
        change = {"key": f"{app}.never{number}", "app": app, "dry_run": dry, "counted": (ended,)}
        await opened.plans.insert(plan_with([0, 0]).model_copy(update=change), NOW + timedelta(hours=5, minutes=number))
    first, last = NOW.date(), (NOW + timedelta(days=3)).date()
    before = await of_app(opened, "app", first, last)
    assert before.total.delivered == fold(parts).counts.total() - sum(
        n for key, n in fold(parts).counts.items() if key[2] is not Fate.DELIVERED
    )
    assert before.total.planned == sum(one.matched for one in parts if one.first) + 7
    assert before.total.cancelled == 7
    assert (await of_app(opened, "new", first, last)).total.planned == 7
    days = Counter(dict.fromkeys({at.date() for at in moments}, 0))
    for one, at in zip(parts, moments, strict=True):
        days[at.date()] += sum(count.n for count in one.counts if count.fate is Fate.DELIVERED)
    assert {one.day: one.total.delivered for one in before.days} == dict(days)
    assert before.latency["bulk"].accept_to_provider.n == before.total.delivered
    assert before.latency["now"].accept_to_provider.n == 0
    starts = sorted({span_start(at) for at in moments} | {span_start(NOW), span_start(NOW + timedelta(hours=5))})
    for number, start in enumerate(starts):
        await opened.spans.write(start, await opened.spans.summed(start, start + SPAN))
        if number % 7 == 0 or start == starts[-1]:
            assert await of_app(opened, "app", first, last) == before
    assert app_report("app", first, last, await opened.spans.written("app", midnight(first), midnight(last))).variants


def test_a_span_begins_at_a_quarter_of_an_hour() -> None:
    assert span_start(NOW + timedelta(minutes=29, seconds=59)) == NOW + timedelta(minutes=15)
    assert delay_bucket(timedelta()) == 0
