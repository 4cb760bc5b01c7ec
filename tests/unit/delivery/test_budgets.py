"""Retries beyond their route's budget wait, unrecorded and never past their deadline; others do not notice."""

import random
from dataclasses import replace
from datetime import timedelta

from services.delivery.budget import Policy
from services.delivery.budgets import IN_TIME, PAUSE, Budgets
from services.delivery.catalog import Credentialed
from services.delivery.flight import Flight
from services.delivery.retry import Later
from services.delivery.tally import Tally
from shared.providers.contract import Origin, Requests, VariantSettings
from shared.runtime.clock import FixedClock
from shared.runtime.metrics import Metrics
from shared.store.variants import Variant
from tests.unit.delivery.chunks import NOW, device, found, job, send

HERE, THERE = Origin("a", 443, "t"), Origin("b", 443, "t")
DAY = timedelta(hours=24)


def budgets(clock: FixedClock, share: float = 0.1, least: float = 1) -> Budgets:
    return Budgets("apns", clock, Metrics(), random.Random(1), Policy(share, least))


def flight(count: int, *, retry: bool = False, ttl: timedelta = DAY, origin: Origin = HERE) -> Flight:
    variant = Credentialed(Variant("v1", "app", "apns", "iOS", 1, NOW, {}), VariantSettings())
    one = job(send(ttl))
    if retry:
        one = replace(one, member=f"{one.member}~0/0", parent=(one.member, 0))
    requests = Requests(count, [f"/3/device/{n}" for n in range(count)], b"{}")
    return Flight(Tally(one, found(count), NOW, 1), variant, origin, (), requests, [device(n) for n in range(count)])


def owe(one: Flight, count: int) -> None:
    for number in range(count):
        one.tally.owe(device(number).id, Later(timedelta(minutes=1), "x"))


def test_retries_beyond_the_budget_wait_and_first_attempts_never_do() -> None:
    one = budgets(FixedClock(NOW))
    assert one.admit([flight(60, retry=True)])
    first, retry = flight(500), flight(1, retry=True)
    assert one.admit([first, retry]) == [first]
    assert retry.held is not None
    assert NOW + PAUSE <= retry.held <= NOW + 2 * PAUSE
    assert first.held is None
    assert one.metrics.registry.get_sample_value("carillon_retries_waited_total", {"platform": "apns"}) == 1


def test_one_route_spends_nothing_of_another() -> None:
    one = budgets(FixedClock(NOW))
    assert one.admit([flight(100, retry=True)])
    assert not one.admit([flight(1, retry=True)])
    assert one.admit([flight(1, retry=True, origin=THERE)])


def test_what_a_retry_ended_is_free_for_the_next() -> None:
    one = budgets(FixedClock(NOW))
    for _ in range(100):
        (retry,) = one.admit([flight(100, retry=True)])
        one.heard([retry])


def test_what_fails_again_is_not() -> None:
    one = budgets(FixedClock(NOW))
    (retry,) = one.admit([flight(100, retry=True)])
    owe(retry, 80)
    one.heard([retry])
    assert not one.admit([flight(1, retry=True)])


def test_first_attempts_earn_a_tenth_once_the_route_owes_something() -> None:
    one = budgets(FixedClock(NOW), least=0)
    failing = flight(500)
    owe(failing, 1)
    one.heard([failing])
    one.heard([flight(500)])
    (retry,) = one.admit([flight(100, retry=True)])
    owe(retry, 100)
    one.heard([retry])
    assert not one.admit([flight(1, retry=True)])


def test_what_is_held_for_another_reason_costs_nothing() -> None:
    one = budgets(FixedClock(NOW))
    (retry,) = one.admit([flight(100, retry=True)])
    retry.held = NOW + timedelta(minutes=1)
    one.heard([retry])
    assert one.admit([flight(1, retry=True)])


def test_a_retry_whose_deadline_is_near_goes_whatever_the_budget() -> None:
    one = budgets(FixedClock(NOW))
    one.admit([flight(100, retry=True)])
    assert one.admit([flight(1, retry=True, ttl=IN_TIME * PAUSE)])
    assert not one.admit([flight(1, retry=True, ttl=(IN_TIME + 1) * PAUSE)])


def test_a_minute_later_the_budget_is_whole_again() -> None:
    clock = FixedClock(NOW)
    one = budgets(clock)
    one.admit([flight(100, retry=True)])
    clock.advance(timedelta(seconds=70))
    assert one.admit([flight(1, retry=True)])
