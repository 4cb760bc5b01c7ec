"""The retry policy: what follows from a verdict, and the laws that every delay keeps."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.delays import MOST_ATTEMPTS, TABLE
from services.delivery.retry import Again, Ended, Later, Situation, decide
from shared.flow.send import Duplicates
from shared.flow.verdict import (
    CredentialProblem,
    DelayRule,
    Delivered,
    Fate,
    Reauthorize,
    Rejected,
    Retry,
    Unregistered,
    Verdict,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
FIRST = Situation(attempt=1, tries=1, now=NOW, deadline=NOW + timedelta(hours=24))
LATER_TRY = replace(FIRST, tries=3)
RULES = [rule for rule in DelayRule if rule is not DelayRule.AT_ONCE]
SEEDS = st.integers(0, 2**32)
ATTEMPTS = st.integers(1, MOST_ATTEMPTS + 2)


def _after(verdict: Verdict, at: Situation = FIRST, seed: int = 1) -> Ended | Again | Later:
    return decide(verdict, at, random.Random(seed))


def _waits(verdict: Verdict, at: Situation = FIRST) -> list[float]:
    waits = []
    for seed in range(200):
        decision = _after(verdict, at, seed)
        assert isinstance(decision, Later), decision
        waits.append(decision.wait.total_seconds())
    return waits


@pytest.mark.parametrize(
    ("verdict", "ended"),
    [
        (Delivered(), Ended(Fate.DELIVERED)),
        (Rejected("BadPriority", bug=True), Ended(Fate.REJECTED, "BadPriority")),
        (Unregistered("Unregistered", NOW), Ended(Fate.UNREGISTERED, "Unregistered")),
        (Rejected("so long\n" * 99), Ended(Fate.REJECTED, ("so_long_" * 99)[:64])),
    ],
)
def test_an_answer_that_is_final_ends_it_with_the_providers_own_reason(verdict: Verdict, ended: Ended) -> None:
    assert _after(verdict) == ended


@pytest.mark.parametrize(
    ("rule", "attempt", "low", "high"),
    [
        (DelayRule.NETWORK, 1, 0, 1),
        (DelayRule.NETWORK, 4, 0, 8),
        (DelayRule.UNPROCESSED, 7, 0, 64),
        (DelayRule.UNPROCESSED, 16, 0, 3600),
        (DelayRule.APNS_5XX, 1, 900, 1125),
        (DelayRule.APNS_5XX, 2, 1800, 2250),
        (DelayRule.APNS_5XX, 9, 11_520, 14_400),
        (DelayRule.APNS_429, 1, 60, 75),
        (DelayRule.APNS_429, 3, 240, 300),
        (DelayRule.APNS_429, 9, 2880, 3600),
        (DelayRule.APNS_CHURN, 1, 1200, 1500),
        (DelayRule.APNS_CHURN, 5, 1200, 1500),
        (DelayRule.FCM_429, 1, 60, 75),
        (DelayRule.FCM_429, 9, 2880, 3600),
        (DelayRule.FCM_5XX, 1, 10, 12.5),
        (DelayRule.FCM_5XX, 8, 1280, 1600),
        (DelayRule.WEB, 1, 30, 37.5),
        (DelayRule.WEB, 9, 2880, 3600),
        (DelayRule.CREDENTIAL, 1, 300, 375),
        (DelayRule.CREDENTIAL, 2, 600, 750),
        (DelayRule.CREDENTIAL, 9, 2880, 3600),
    ],
)
def test_a_rule_waits_as_its_row_says(rule: DelayRule, attempt: int, low: float, high: float) -> None:
    at = replace(FIRST, attempt=attempt)
    waits = _waits(Retry("x", rule, unknown=rule is DelayRule.NETWORK), at)
    assert low <= min(waits) <= max(waits) <= high
    assert max(waits) - min(waits) > (high - low) / 2  # drawn, not fixed


def test_every_rule_has_a_row() -> None:
    assert set(TABLE) == set(DelayRule)
    assert all(row.source for row in TABLE.values())


def test_what_was_not_processed_goes_again_at_once_twice_and_then_waits() -> None:
    verdict = Retry("refused_stream", DelayRule.AT_ONCE)
    assert [_after(verdict, replace(FIRST, tries=n)) for n in (1, 2)] == [Again(), Again()]
    assert max(_waits(verdict, LATER_TRY)) <= 1


def test_what_was_not_processed_is_never_given_up_before_its_deadline() -> None:
    at = replace(LATER_TRY, attempt=20)
    assert isinstance(_after(Retry("no_connection", DelayRule.AT_ONCE), at), Later)
    assert isinstance(_after(Retry("timeout", DelayRule.NETWORK), at), Later)


def test_a_shutdown_goes_by_apples_rule_once_its_tries_at_once_are_used_up() -> None:
    verdict = Retry("Shutdown", DelayRule.AT_ONCE, then=DelayRule.APNS_5XX)
    assert _after(verdict) == Again()
    assert min(_waits(verdict, LATER_TRY)) >= 900


def test_a_connection_of_another_team_is_left_once_and_then_it_is_the_credentials() -> None:
    verdict = Retry("InvalidProviderToken", DelayRule.AT_ONCE, repeats=1, then=DelayRule.CREDENTIAL)
    assert _after(verdict) == Again()
    assert min(_waits(verdict, replace(FIRST, tries=2))) >= 300


def test_a_stale_authorization_is_renewed_once_and_then_it_is_the_credentials() -> None:
    verdict = Reauthorize("ExpiredProviderToken")
    assert _after(verdict) == Again(renew=True)
    assert min(_waits(verdict, replace(FIRST, tries=2))) >= 300


def test_a_credential_problem_lasts_until_the_deadline_and_expires_by_its_reason() -> None:
    verdict, at, waited = CredentialProblem("TopicDisallowed"), FIRST, 0
    while isinstance(decision := _after(verdict, at), Later):
        at, waited = replace(at, attempt=at.attempt + 1, now=at.now + decision.wait), waited + 1
    assert decision == Ended(Fate.EXPIRED, "TopicDisallowed")
    assert at.deadline - at.now <= timedelta(hours=2)
    assert 20 <= waited < MOST_ATTEMPTS


@pytest.mark.parametrize("duplicates", [Duplicates.COLLAPSE, Duplicates.ALLOW])
def test_an_unknown_outcome_is_tried_five_times_in_all(duplicates: Duplicates) -> None:
    verdict = Retry("timeout", DelayRule.NETWORK, unknown=True)
    decisions = [_after(verdict, replace(FIRST, attempt=n, duplicates=duplicates)) for n in range(1, 6)]
    assert [type(one) for one in decisions[:4]] == [Later] * 4
    assert decisions[4] == Ended(Fate.FAILED, "unknown_outcome")


@pytest.mark.parametrize("rule", list(DelayRule))
def test_what_may_never_double_ends_with_the_first_unknown_outcome(rule: DelayRule) -> None:
    at = replace(FIRST, duplicates=Duplicates.NEVER)
    assert _after(Retry("timeout", rule, unknown=True), at) == Ended(Fate.FAILED, "unknown_outcome")
    assert not isinstance(_after(Retry("x", rule), at), Ended)


def test_google_is_left_alone_after_an_hour() -> None:
    verdict, at = Retry("INTERNAL", DelayRule.FCM_5XX), FIRST
    while isinstance(decision := _after(verdict, at), Later):
        at = replace(at, attempt=at.attempt + 1, now=at.now + decision.wait)
    assert decision == Ended(Fate.FAILED, "INTERNAL")
    assert timedelta(minutes=40) < at.now - NOW < timedelta(minutes=60)


def test_a_web_page_instead_of_a_404_becomes_a_credential_problem_after_that() -> None:
    verdict = Retry("HTTP_404:unreadable", DelayRule.FCM_5XX, then=DelayRule.CREDENTIAL)
    assert max(_waits(verdict)) < 300
    assert min(_waits(verdict, replace(FIRST, attempt=9))) >= 300


# Scenario S14 of the protocol reference.
def test_a_throttled_project_waits_what_it_was_told_or_a_minute() -> None:
    assert min(_waits(Retry("QUOTA_EXCEEDED", DelayRule.FCM_429, timedelta(seconds=37)))) >= 37
    assert max(_waits(Retry("QUOTA_EXCEEDED", DelayRule.FCM_429, timedelta(seconds=37)))) <= 41
    assert min(_waits(Retry("QUOTA_EXCEEDED", DelayRule.FCM_429))) >= 60


def test_google_gets_ten_seconds_after_a_5xx_even_if_it_asks_for_less() -> None:
    assert min(_waits(Retry("UNAVAILABLE", DelayRule.FCM_5XX, timedelta(seconds=1)))) >= 10


def test_apples_quarter_of_an_hour_is_cut_short_once_for_what_would_not_live_to_see_it() -> None:
    verdict = Retry("ServiceUnavailable", DelayRule.APNS_5XX)
    near = replace(FIRST, deadline=NOW + timedelta(minutes=10))
    waits = _waits(verdict, near)
    assert 1 <= min(waits) <= max(waits) <= 5
    assert _after(verdict, replace(near, attempt=2)) == Ended(Fate.EXPIRED, "ServiceUnavailable")
    nearer = replace(FIRST, deadline=NOW + timedelta(seconds=1))
    assert _after(verdict, nearer) == Ended(Fate.EXPIRED, "ServiceUnavailable")
    told = replace(verdict, after=timedelta(minutes=11))
    assert _after(told, near) == Ended(Fate.EXPIRED, "ServiceUnavailable")


def test_the_time_scale_divides_delays_and_not_deadlines() -> None:
    verdict = Retry("ServiceUnavailable", DelayRule.APNS_5XX)
    at = replace(FIRST, deadline=NOW + timedelta(minutes=1), scale=60)
    assert min(_waits(verdict, at)) >= 900  # stated before the scale: a quarter of a minute
    assert isinstance(_after(verdict, replace(at, deadline=NOW + timedelta(seconds=15))), Later)
    assert max(_waits(verdict, replace(at, deadline=NOW + timedelta(seconds=14)))) <= 5


verdicts = st.builds(
    Retry,
    reason=st.text(max_size=80),
    rule=st.sampled_from(RULES),
    after=st.none() | st.timedeltas(timedelta(milliseconds=1), timedelta(days=365)),
    unknown=st.booleans(),
    then=st.none() | st.sampled_from(RULES),
)
situations = st.builds(
    Situation,
    attempt=ATTEMPTS,
    tries=st.integers(1, 4),
    now=st.just(NOW),
    deadline=st.timedeltas(timedelta(minutes=-1), timedelta(days=28)).map(lambda left: NOW + left),
    duplicates=st.sampled_from(Duplicates),
    scale=st.sampled_from([1.0, 60.0]),
)


@given(verdicts, situations, SEEDS)
def test_no_wait_is_shorter_than_told_or_ends_past_the_deadline(verdict: Retry, at: Situation, seed: int) -> None:
    decision = _after(verdict, at, seed)
    if isinstance(decision, Later):
        assert decision.wait >= (verdict.after or timedelta())
        assert at.now + decision.wait / at.scale < at.deadline
    else:
        assert isinstance(decision, Ended)
        assert decision.fate in (Fate.EXPIRED, Fate.FAILED)


@given(st.sampled_from(RULES), st.integers(1, MOST_ATTEMPTS // 2), SEEDS)
def test_backoff_stays_in_its_rows_bounds(rule: DelayRule, attempt: int, seed: int) -> None:
    row = TABLE[rule]
    if row.attempts is not None and attempt >= row.attempts:
        return
    at = replace(FIRST, attempt=attempt, deadline=NOW + timedelta(days=28))
    decision = _after(Retry("x", rule, unknown=rule is DelayRule.NETWORK), at, seed)
    assert isinstance(decision, Later)
    assert decision.wait <= row.cap
    if rule not in (DelayRule.NETWORK, DelayRule.UNPROCESSED):
        assert decision.wait >= row.first


@given(verdicts, st.timedeltas(timedelta(seconds=1), timedelta(days=28)), SEEDS)
def test_every_notification_ends_within_the_attempts_that_an_id_can_name(
    verdict: Retry, life: timedelta, seed: int
) -> None:
    rng = random.Random(seed)
    at = replace(FIRST, deadline=NOW + life)
    while isinstance(decision := decide(verdict, at, rng), Later):
        at = replace(at, attempt=at.attempt + 1, now=at.now + decision.wait)
        assert at.attempt <= MOST_ATTEMPTS
        assert at.now < at.deadline
    assert isinstance(decision, Ended)


@given(st.sampled_from([rule for rule in RULES if TABLE[rule].attempts is None]), SEEDS)
def test_a_rule_without_a_limit_of_its_own_lasts_until_the_deadline(rule: DelayRule, seed: int) -> None:
    rng = random.Random(seed)
    at = replace(FIRST, deadline=NOW + timedelta(days=28))
    while isinstance(decision := decide(Retry("x", rule), at, rng), Later):
        at = replace(at, attempt=at.attempt + 1, now=at.now + decision.wait)
    assert decision == Ended(Fate.EXPIRED, "x")
