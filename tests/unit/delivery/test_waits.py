"""From a verdict to a due time: what was told is kept through jitter, ladder and time scale, and so is the deadline."""

import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.delivery.delays import MOST_ATTEMPTS
from services.delivery.retry import Again, Situation, decide
from services.delivery.tally import LONG_WAIT_GRAIN, Tally
from shared.bus.delay import STEPS
from shared.flow.send import Duplicates
from shared.flow.verdict import DelayRule, Fate, Retry
from tests.unit.delivery.chunks import NOW, device, found, job, send

LAST_STEP = STEPS[-1]
verdicts = st.builds(
    Retry,
    reason=st.just("x"),
    rule=st.sampled_from([rule for rule in DelayRule if rule is not DelayRule.AT_ONCE]),
    after=st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=3)),
    unknown=st.booleans(),
)


@given(
    verdicts,
    st.integers(1, MOST_ATTEMPTS),
    st.timedeltas(timedelta(seconds=1), timedelta(days=28)),
    st.sampled_from([1.0, 60.0]),
    st.integers(0, 2**32),
)
def test_a_debt_is_due_no_sooner_than_told_and_never_past_the_deadline(
    verdict: Retry, attempt: int, life: timedelta, scale: float, seed: int
) -> None:
    one = send(ttl=life)
    at = Situation(attempt, 1, NOW, one.deadline, Duplicates.COLLAPSE, scale)
    decision = decide(verdict, at, random.Random(seed))
    assert not isinstance(decision, Again)
    tally = Tally(job(one), found(1), NOW, scale)
    tally.add(device(0), verdict, decision)
    part = tally.part()
    assert part.balanced()
    for debt in part.owed:
        assert NOW + (verdict.after or timedelta()) / scale <= debt.due <= one.deadline
        assert debt.stored == (debt.due - NOW > LAST_STEP / scale + timedelta(milliseconds=1))
        assert debt.unknown == verdict.unknown
    if not part.owed:
        (ended,) = part.undelivered
        expected = {Fate.FAILED} if verdict.unknown else {Fate.EXPIRED, Fate.FAILED}
        assert ended.fate in expected


@given(st.timedeltas(LAST_STEP + LONG_WAIT_GRAIN, timedelta(hours=20)), st.integers(0, 2**32))
def test_what_no_wait_queue_is_long_enough_for_is_due_at_whole_minutes_and_told_by_the_store(
    after: timedelta, seed: int
) -> None:
    one = send(ttl=timedelta(days=2))
    at = Situation(1, 1, NOW, one.deadline)
    verdict = Retry("x", DelayRule.FCM_429, after)
    decision = decide(verdict, at, random.Random(seed))
    assert not isinstance(decision, Again)
    tally = Tally(job(one), found(1), NOW, 1)
    tally.add(device(0), verdict, decision)
    (debt,) = tally.part().owed
    assert debt.stored
    assert (debt.due - NOW) % LONG_WAIT_GRAIN == timedelta()
    assert after <= debt.due - NOW <= after * 1.1 + LONG_WAIT_GRAIN
