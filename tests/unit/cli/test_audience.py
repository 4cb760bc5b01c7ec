"""The rehearsal's audience is what was asked for, and nothing is missing from it."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.cli.rehearsal.audience import FEWEST, SOLOIST, draw
from services.cli.rehearsal.conditions import CONDITIONS, HEALTHY

COUNTS = st.integers(min_value=FEWEST, max_value=400)


@given(COUNTS, st.integers())
def test_exactly_as_many_devices_are_drawn_as_were_asked_for(count: int, seed: int) -> None:
    drawn = draw(count, seed)
    assert len({(device.platform, device.token) for device in drawn}) == count
    per_platform = Counter(device.platform for device in drawn).values()
    assert max(per_platform) - min(per_platform) <= 1


@given(COUNTS, st.integers())
def test_every_condition_occurs_and_most_devices_are_healthy(count: int, seed: int) -> None:
    drawn = draw(count, seed)
    for platform, conditions in CONDITIONS.items():
        met = {device.condition for device in drawn if device.platform == platform}
        assert met == {HEALTHY, *conditions}


@given(COUNTS, st.integers())
def test_the_soloist_has_one_healthy_device_of_each_platform(count: int, seed: int) -> None:
    hers = [device for device in draw(count, seed) if device.user == SOLOIST]
    assert sorted(device.platform for device in hers) == sorted(CONDITIONS)
    assert {device.condition for device in hers} == {HEALTHY}


def test_the_same_seed_draws_the_same_devices_and_another_seed_others() -> None:
    assert draw(100, 1) == draw(100, 1)
    assert {d.token for d in draw(100, 1)}.isdisjoint({d.token for d in draw(100, 2)})


def test_two_thousand_devices_are_afflicted_by_their_shares() -> None:
    met = Counter((device.platform, device.condition.name) for device in draw(2000, 1))
    assert met["apns", "dead"] == 40
    assert met["fcm", "throttled"] == 40
    assert met["apns", "healthy"] + met["fcm", "healthy"] > 1600
