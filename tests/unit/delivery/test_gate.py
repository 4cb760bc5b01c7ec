"""Who may be worked now: a variant with a limit begins only what takes seconds, and leaves room for the others."""

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from services.delivery.catalog import Credentialed
from services.delivery.gate import CONTENDED, LONGEST, MOST_LIMITED, Gate
from services.delivery.job import Job
from services.delivery.parking import Parking, Wiring
from services.delivery.routes import Routes
from shared.flow.lane import Lane
from shared.flow.order import Order, Standing
from shared.providers.contract import VariantSettings
from shared.runtime.clock import FixedClock
from shared.store.parking import Parked
from shared.store.variants import Variant
from tests.unit.delivery.chunks import NOW, ROUTE, job, send

pytestmark = pytest.mark.anyio


@dataclass
class Known:
    """A catalog of variants with these limits; the others have none."""

    rates: dict[str, float] = field(default_factory=dict)
    parked: dict[str, Parked] = field(default_factory=dict)

    async def variant(self, app: str, variant: str) -> Credentialed:
        one = Variant(variant, app, "apns", "iOS", 1, NOW, {}, rate_limit=self.rates.get(variant))
        return Credentialed(one, VariantSettings(), self.parked.get(variant))


@dataclass
class Orders:
    """What was ordered about sends."""

    known: dict[str, Standing] = field(default_factory=dict)

    def of(self, key: str) -> Standing | None:
        return self.known.get(key)


def gate(catalog: Known, ordered: dict[str, Standing] | None = None) -> Gate:
    orders = cast("Any", Orders(ordered or {}))
    clock = FixedClock(NOW)
    known = cast("Any", catalog)
    routes = Routes("apns", clock, cast("Any", None), random.Random(1))
    return Gate(
        known, Parking(Wiring("apns", cast("Any", None), known, clock, cast("Any", None))), routes, clock, orders
    )


def slices(variant: str, count: int, ttl: timedelta = timedelta(hours=1)) -> list[Job]:
    one, route = send(ttl), ROUTE.model_copy(update={"variant": variant})
    return [replace(job(one), member=f"app.{variant}.0.{number}/0", route=route) for number in range(count)]


async def test_of_single_sends_a_second_of_the_limit_goes_and_the_rest_stands_in_line() -> None:
    entry = await gate(Known({"v": 10})).look(slices("v", 100), Lane.NOW)
    assert set(entry.limited.values()) == {"v"}
    assert (len(entry.limited), len(entry.held)) == (10, 90)
    waits = sorted(until - NOW for until in entry.held.values())
    assert waits[0] == timedelta(seconds=1)
    assert waits[-1] == timedelta(seconds=8.9)


async def test_of_large_sends_one_slice_goes_and_one_is_at_hand_for_when_it_ends() -> None:
    one = gate(Known({"v": 300}))
    entry = await one.look(slices("v", 2), Lane.BULK)
    assert (len(entry.limited), len(entry.held)) == (1, 1)
    with one.turn(entry, Lane.BULK):
        assert not (await one.look(slices("v", 1), Lane.NOW)).held  # the lanes have turns of their own
        at_hand = await one.look(slices("v", 1), Lane.BULK)
        assert not at_hand.held
        with one.turn(at_hand, Lane.BULK):
            assert len((await one.look(slices("v", 1), Lane.BULK)).held) == 1
        assert not (await one.look(slices("v", 1), Lane.BULK)).held
    assert not (await one.look(slices("v", 1), Lane.BULK)).held


async def test_nobody_has_a_second_slice_at_hand_while_another_variant_finds_no_turn() -> None:
    one = gate(Known(dict.fromkeys(("v", "w", "x"), 300)))
    with (
        one.turn(await one.look(slices("v", 1), Lane.BULK), Lane.BULK),
        one.turn(await one.look(slices("w", 1), Lane.BULK), Lane.BULK),
    ):
        assert not (await one.look(slices("w", 1), Lane.BULK)).held
        assert len((await one.look(slices("x", 1), Lane.BULK)).held) == 1
        assert len((await one.look(slices("w", 1), Lane.BULK)).held) == 1
        one._clock.advance(CONTENDED)  # type: ignore[attr-defined]  # a clock of the test's
        assert not (await one.look(slices("w", 1), Lane.BULK)).held


async def test_of_single_sends_none_is_at_hand() -> None:
    one = gate(Known({"v": 300}))
    with one.turn(await one.look(slices("v", 1), Lane.NOW), Lane.NOW):
        assert len((await one.look(slices("v", 1), Lane.NOW)).held) == 1


@pytest.mark.parametrize("lane", list(Lane))
async def test_however_many_variants_have_limits_half_of_the_process_is_left_to_those_without(lane: Lane) -> None:
    one = gate(Known({f"v{number}": 1.0 for number in range(20)}))
    entry = await one.look([each for number in range(20) for each in slices(f"v{number}", 1)], lane)
    assert len(entry.limited) == MOST_LIMITED[lane]
    assert len(entry.held) == 20 - MOST_LIMITED[lane]
    assert not (await one.look(slices("free", 5), lane)).held


async def test_a_line_is_never_longer_than_a_minute_nor_than_the_deadline() -> None:
    entry = await gate(Known({"v": 1})).look(slices("v", 500), Lane.NOW)
    assert max(entry.held.values()) == NOW + LONGEST
    short = await gate(Known({"v": 1})).look(slices("v", 500, timedelta(seconds=9)), Lane.NOW)
    assert max(short.held.values()) == NOW + timedelta(seconds=9)


@pytest.mark.parametrize(("probe_in", "waits"), [(30, 1), (0, 0)])
async def test_a_parked_variant_waits_until_its_probe_is_due_and_its_neighbour_does_not(
    probe_in: int, waits: int
) -> None:
    parked = Parked("v", "app", 1, "Forbidden", NOW, NOW + timedelta(seconds=probe_in))
    entry = await gate(Known(parked={"v": parked})).look([*slices("v", 1), *slices("w", 1)], Lane.BULK)
    assert list(entry.held) == ["app.v.0.0"] * waits


async def test_what_is_past_its_deadline_goes_on_to_be_recorded() -> None:
    parked = Parked("v", "app", 1, "Forbidden", NOW, NOW + timedelta(minutes=1))
    entry = await gate(Known({"w": 1}, {"v": parked})).look(
        [*slices("v", 1, timedelta(seconds=-1)), *slices("w", 30, timedelta(seconds=-1))], Lane.NOW
    )
    assert not entry.held


async def test_what_was_called_off_is_neither_worked_nor_kept_waiting() -> None:
    one = slices("v", 2)
    called_off = {one[0].send.key: Standing(Order.CANCELLED, NOW)}
    entry = await gate(Known(), called_off).look(one, Lane.NOW)
    assert entry.dropped == {"app.v.0.0", "app.v.0.1"}
    assert not entry.held


async def test_what_is_paused_waits_longer_the_longer_it_is_but_never_past_its_deadline() -> None:
    one = slices("v", 1, timedelta(seconds=20))
    waits = []
    for minutes in (0, 1, 60):
        paused = {one[0].send.key: Standing(Order.PAUSED, NOW - timedelta(minutes=minutes))}
        entry = await gate(Known(), paused).look(one, Lane.BULK)
        waits.append(entry.held["app.v.0.0"] - NOW)
        assert not entry.dropped
    assert waits == [timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=20)]


async def test_a_pause_ends_with_the_deadline_and_calling_off_does_not() -> None:
    one = slices("v", 1, timedelta(seconds=-1))
    paused, cancelled = ({one[0].send.key: Standing(order, NOW)} for order in (Order.PAUSED, Order.CANCELLED))
    entry = await gate(Known(), paused).look(one, Lane.NOW)
    assert not entry.held
    assert not entry.dropped
    assert (await gate(Known(), cancelled).look(one, Lane.NOW)).dropped
