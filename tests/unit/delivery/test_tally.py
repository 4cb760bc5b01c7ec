"""A chunk's record: every device is in it once, delivered, ended, or owed at a time that is neither early nor late."""

from collections import Counter
from datetime import timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from services.delivery.retry import Ended, Later
from services.delivery.tally import Tally, rounded, same_for_all
from shared.flow.record import LATENCY_BOUNDS, Part
from shared.flow.verdict import DelayRule, Delivered, Fate, Rejected, Retry, Unregistered, Verdict
from tests.unit.delivery.chunks import NOW, device, found, job, send

SECOND: Final = timedelta(seconds=1)
RETRY: Final = Retry("503", DelayRule.APNS_5XX)
WAITS: Final = st.floats(0, 7200).map(lambda seconds: timedelta(seconds=seconds))
SCALES: Final = st.sampled_from([1.0, 7.0, 60.0])
ENDS: Final = st.sampled_from(
    [
        (Delivered(), Ended(Fate.DELIVERED)),
        (Rejected("BadDeviceToken"), Ended(Fate.REJECTED, "BadDeviceToken")),
        (Unregistered("Unregistered", NOW), Ended(Fate.UNREGISTERED, "Unregistered")),
        (RETRY, Ended(Fate.EXPIRED, "503")),
        (RETRY, Ended(Fate.FAILED, "unknown_outcome")),
    ]
)
LATERS: Final = st.builds(Later, WAITS, st.sampled_from(["503", "429"]), st.booleans()).map(lambda one: (RETRY, one))
DECISIONS: Final = st.lists(ENDS | LATERS, max_size=40)
TTLS: Final = st.floats(1, 7200).map(lambda seconds: timedelta(seconds=seconds))


def tallied(
    decisions: list[tuple[Verdict, Ended | Later]], suppressed: int = 0, ttl: timedelta = timedelta(hours=24),
    scale: float = 1, *, unknown: bool = False,
) -> Part:  # fmt: skip
    tally = Tally(job(send(ttl)), found(len(decisions), suppressed, unknown=unknown), NOW, scale)
    for number, (verdict, decision) in enumerate(decisions):
        tally.add(device(number), verdict, decision)
    return tally.part()


@given(decisions=DECISIONS, suppressed=st.integers(0, 5), ttl=TTLS, scale=SCALES, unknown=st.booleans())
def test_what_matched_is_what_was_counted_and_what_is_owed(
    decisions: list[tuple[Verdict, Ended | Later]], suppressed: int, ttl: timedelta, scale: float, *, unknown: bool
) -> None:
    part = tallied(decisions, suppressed, ttl, scale, unknown=unknown)
    assert part.matched == len(decisions) + suppressed
    assert part.balanced()
    listed = [one.device for one in part.undelivered] + [one for owed in part.owed for one in owed.devices]
    assert len(listed) == len(set(listed))
    delivered = sum(count.n for count in part.counts if count.fate is Fate.DELIVERED)
    assert delivered == part.matched - len(listed)
    by_fate = Counter((one.fate, one.reason) for one in part.undelivered)
    assert by_fate == {(c.fate, c.reason): c.n for c in part.counts if c.fate is not Fate.DELIVERED}


@given(decisions=DECISIONS, ttl=TTLS, scale=SCALES)
def test_nothing_is_owed_past_the_deadline_and_nothing_sooner_than_was_wished(
    decisions: list[tuple[Verdict, Ended | Later]], ttl: timedelta, scale: float
) -> None:
    part = tallied(decisions, ttl=ttl, scale=scale)
    wished = {device(n).id: one.wait for n, (_, one) in enumerate(decisions) if isinstance(one, Later)}
    for owed in part.owed:
        assert owed.due <= NOW + ttl
        for one in owed.devices:
            assert owed.due - NOW >= wished[one] / scale
    for ended in part.undelivered:
        if ended.device in wished:
            assert rounded(wished[ended.device], scale)[0] > ttl


@given(decisions=DECISIONS)
def test_devices_are_owed_in_groups_by_due_time_and_reason_in_steps_without_gaps(
    decisions: list[tuple[Verdict, Ended | Later]],
) -> None:
    owed = tallied(decisions).owed
    groups = [(one.due, one.reason, one.unknown, one.stored) for one in owed]
    assert groups == sorted(set(groups))
    assert [one.step for one in owed] == list(range(len(owed)))
    assert all(one.devices for one in owed)


def test_a_debt_past_the_deadline_has_expired_unless_it_may_have_been_delivered() -> None:
    late = Later(timedelta(hours=2), "503")
    ended = {(c.fate, c.reason) for c in tallied([(RETRY, late)], ttl=timedelta(hours=1)).counts}
    assert ended == {(Fate.EXPIRED, "503")}
    maybe = Later(timedelta(hours=2), "timeout", unknown=True)
    ended = {(c.fate, c.reason) for c in tallied([(RETRY, maybe)], ttl=timedelta(hours=1)).counts}
    assert ended == {(Fate.FAILED, "unknown_outcome")}


def test_what_may_have_been_delivered_once_stays_in_doubt_through_every_later_attempt() -> None:
    part = tallied([(RETRY, Later(SECOND, "503"))], unknown=True)
    assert [one.unknown for one in part.owed] == [True]
    expired = tallied([(RETRY, Ended(Fate.EXPIRED, "503"))], unknown=True)
    assert [(c.fate, c.reason) for c in expired.counts] == [(Fate.FAILED, "unknown_outcome")]


@given(wait=WAITS, scale=SCALES)
def test_a_wait_is_rounded_up_by_a_wait_queue_or_in_the_store(wait: timedelta, scale: float) -> None:
    real, stored = rounded(wait, scale)
    assert real >= wait / scale
    assert stored == (wait > timedelta(minutes=10))


def test_answers_are_counted_in_raw_buckets_and_their_times_kept() -> None:
    tally = Tally(job(send()), found(5), NOW, 1)
    buckets = [0] * (len(LATENCY_BOUNDS) + 1)
    first, last = buckets.copy(), buckets.copy()
    first[0], first[-1], last[2] = 2, 1, 2
    tally.answers(3, first, NOW + SECOND)
    tally.answers(2, last, NOW + 3 * SECOND)
    part = tally.part()
    assert (part.latency[0], part.latency[2], part.latency[-1], sum(part.latency)) == (2, 2, 1, 5)
    assert (part.first_answer_at, part.last_answer_at) == (NOW + SECOND, NOW + 3 * SECOND)
    assert part.balanced()


def test_a_chunk_without_an_answer_has_no_latency_and_no_answer_times() -> None:
    part = same_for_all(job(send()), found(3, 1), NOW, 1, Ended(Fate.EXPIRED))
    assert (part.latency, part.first_answer_at, part.last_answer_at) == ((), None, None)
    assert {(c.fate, c.n) for c in part.counts} == {(Fate.EXPIRED, 3), (Fate.SUPPRESSED, 1)}
    assert part.balanced()


def test_the_dead_are_listed_with_the_providers_own_time() -> None:
    (one,) = tallied([(Unregistered("Unregistered", NOW), Ended(Fate.UNREGISTERED, "Unregistered"))]).undelivered
    assert one.since == NOW
    assert tallied([(Delivered(), Ended(Fate.DELIVERED))]).undelivered == ()
