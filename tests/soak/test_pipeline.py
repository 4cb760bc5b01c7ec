"""A small soak of the whole, as every test run can afford it: the ten million are `make soak-pipeline`."""

import os

import pytest

from services.cli.local.errors import NotInstalledError
from tests.bench.installed import compiled
from tests.soak.pipeline import MOST_GROWTH, Look, Size, growth, soak

SIZE = Size(devices=40_000, singles=100, turns=9)
"""160,000 notifications from the middle to the end: a leak of 50 bytes each shows. Sends are few, as several thousand
of them are remembered before the oldest goes; only a long run gets there."""


@pytest.mark.timeout(300)
def test_no_process_grows_however_much_it_sends() -> None:
    try:
        compiled("sink")
    except NotInstalledError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    looks = soak(SIZE)
    assert looks[-1].notifications == SIZE.notifications
    grown = growth(looks)
    assert set(grown) == {"ingest", "planner", "delivery-apns", "reporter"}
    assert max(grown.values()) < MOST_GROWTH, [look.mb for look in looks]


def test_growth_is_what_came_after_the_middle() -> None:
    looks = [Look(n, {"one": mb, "other": 50.0}) for n, mb in enumerate([10, 40, 42, 43, 49.0])]
    assert growth(looks) == {"one": 7.0, "other": 0.0}
