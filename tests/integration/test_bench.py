"""Keeps the bench working: every row of the send path, at a size that measures nothing."""

import os

import pytest

from services.cli.local.errors import NotInstalledError
from tests.bench import send_path
from tests.bench.installed import compiled, h2load

TINY = send_path.Size(runs=1, engine=2000, h2load=2000, aioapns=200, httpx=50)
ROWS = ("engine", "engine, 1 % of 410 and 0.5 % of 503", "h2load", "aioapns", "httpx")


@pytest.fixture
def programs() -> None:
    """They come from Debian: absent where nobody may install them, which is no excuse in CI."""
    try:
        compiled("sink"), h2load()
    except NotInstalledError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.mark.timeout(300)  # on a new machine the programs are brought first
def test_the_send_path_is_measured_with_every_notification_verified(programs: None) -> None:
    outcome = send_path.measure(TINY, only=ROWS)
    assert [row[0] for row in outcome.tables[0].rows] == list(ROWS)
    ratios = ("engine_over_h2load", "engine_over_aioapns", "engine_over_httpx", "failures_cpu_ratio")
    costs = ("engine_cpu_us", "aioapns_cpu_us", "h2load_cpu_us")
    assert all(float(outcome.figures[name]) > 0 for name in (*ratios, *costs))
