"""F11, F12, F21: what a device keeps and loses, as a law: every parcel ends once, or it still waits."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.simulator.fcm.mailbox import COLLAPSE_KEYS_LIMIT, STORED_LIMIT, Mailbox
from services.simulator.fcm.parcel import Parcel
from services.simulator.fcm.project import Platform
from services.simulator.fcm.quota import COLLAPSIBLE_BURST, COLLAPSIBLE_EVERY, Dripping, Quotas, Refilling

ANY = Parcel("m", accepted_at=0.0, expires_at=1e9)


class MailboxLaws(RuleBasedStateMachine):
    kind: Platform = "android"

    def __init__(self) -> None:
        super().__init__()
        self.mailbox = Mailbox(self.kind)
        self.now = 0.0
        self.sent = 0
        self.ended: Counter[str] = Counter()
        self.overflows = 0

    def _took(self, events: list[object]) -> None:
        for event in events:
            parcel, what = event.parcel, event.what  # type: ignore[attr-defined]
            if parcel is None:
                assert what == "deleted_messages"
                self.overflows += 1
            else:
                self.ended[parcel.message_id] += 1
                assert what != "shown" or self.mailbox.online
                assert what != "expired" or parcel.expires_at <= self.now

    @rule(
        collapse=st.sampled_from(["", "", "a", "b", "c", "d", "e"]),
        life=st.sampled_from([0.0, 60.0, 1e6]),
        urgent=st.booleans(),
        count=st.sampled_from([1, 1, 30]),
    )
    def send(self, collapse: str, life: float, urgent: bool, count: int) -> None:  # noqa: FBT001
        for _ in range(count):
            self.sent += 1
            parcel = replace(ANY, message_id=str(self.sent), expires_at=self.now + life, collapse=collapse)
            parcel = replace(parcel, urgent=urgent, now_or_never=life == 0)
            self._took(list(self.mailbox.arrive(parcel, self.now)))

    @rule(online=st.booleans(), doze=st.booleans())
    def presence(self, online: bool, doze: bool) -> None:  # noqa: FBT001
        self.mailbox.online, self.mailbox.doze = online, doze
        self._took(list(self.mailbox.wake(self.now)))

    @rule(seconds=st.sampled_from([1.0, 61.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._took(list(self.mailbox.wake(self.now)))

    @precondition(lambda self: self.mailbox.due(self.now) is not None)
    @rule()
    def nothing_falls_due_before_it_says(self) -> None:
        due = self.mailbox.due(self.now)
        assert due is not None
        self.now = max(self.now, due)
        self._took(list(self.mailbox.wake(self.now)))
        again = self.mailbox.due(self.now)
        assert again is None or again > self.now

    @invariant()
    def every_parcel_ended_once_or_waits(self) -> None:
        waiting = [each.message_id for each in (*self.mailbox.plain.values(), *self.mailbox.collapsible.values())]
        assert sum(self.ended.values()) + len(waiting) == self.sent
        assert max(self.ended.values(), default=1) == 1
        assert len(set(waiting)) == len(waiting)
        assert set(self.mailbox.waits) == set(waiting)

    @invariant()
    def no_shelf_is_overfull(self) -> None:
        assert len(self.mailbox.plain) <= (1 if self.kind == "ios" else STORED_LIMIT if self.kind == "android" else 1e9)
        assert self.kind != "android" or len(self.mailbox.collapsible) <= COLLAPSE_KEYS_LIMIT


class AppleLaws(MailboxLaws):
    kind = "ios"


class WebLaws(MailboxLaws):
    kind = "web"


TestAndroidMailbox = MailboxLaws.TestCase
TestAppleMailbox = AppleLaws.TestCase
TestWebMailbox = WebLaws.TestCase


@given(st.lists(st.floats(min_value=0, max_value=400), max_size=120))
def test_the_collapsible_bucket_never_lets_more_pass_than_its_burst_and_rate(gaps: list[float]) -> None:
    bucket, now, passed = Dripping(), 0.0, 0
    for gap in gaps:
        now += gap
        passed += bucket.take(now)
        assert passed <= COLLAPSIBLE_BURST + now / COLLAPSIBLE_EVERY + 1e-6


def test_the_bucket_says_when_it_lets_the_next_one_pass() -> None:
    bucket = Dripping()
    assert all(bucket.take(0.0) for _ in range(COLLAPSIBLE_BURST))
    assert not bucket.take(10.0)
    due = bucket.next_at(10.0)
    assert due == pytest.approx(COLLAPSIBLE_EVERY)
    assert not bucket.take(due - 1)
    assert bucket.take(due)


@given(st.integers(min_value=0, max_value=59), st.integers(min_value=0, max_value=10**9))
def test_f10_a_bucket_is_whole_again_when_it_said_so_and_not_before(phase: int, now: int) -> None:
    bucket = Refilling(1, 60.0, phase)
    bucket.use(now)
    assert bucket.left(now) == 0
    wait = bucket.refills_in(now)
    assert 0 < wait <= 60
    assert bucket.left(now + wait - 1e-3) == 0
    assert bucket.left(now + wait) == 1


def test_f10_the_phase_follows_from_the_seed() -> None:
    first, again, other = (Quotas(seed=seed).project("1").phase for seed in (1, 1, 2))
    assert first == again != other
