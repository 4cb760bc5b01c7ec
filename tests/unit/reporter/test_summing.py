"""When a send is summed again, and what becomes of sums that fail."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.reporter.deriving import NotVisible
from services.reporter.summing import LEAST_BETWEEN, MOST_BETWEEN, SHARE, Summing, pause_after
from shared.bus.errors import NotConfirmed
from shared.runtime.metrics import Metrics
from shared.store.errors import StoreAway

pytestmark = pytest.mark.anyio


@dataclass
class Plans:
    """Has no plan, and fails as often as it is told to."""

    failures: dict[str, list[Exception]]
    asked: list[str] = field(default_factory=list)

    async def get(self, key: str) -> None:
        self.asked.append(key)
        if self.failures.get(key):
            raise self.failures[key].pop()


def summing(plans: Plans) -> Summing:
    nothing = cast(Any, None)
    return Summing(cast(Any, SimpleNamespace(plans=plans)), nothing, Metrics(), nothing, nothing)


def test_a_sum_waits_for_its_turn_by_what_it_costs_but_never_for_long() -> None:
    assert pause_after(0.001) == LEAST_BETWEEN
    assert pause_after(0.5) == 0.5 * SHARE
    assert pause_after(20.0) == MOST_BETWEEN  # a store that stood still for 20 s does not keep a report back for 80


@pytest.mark.parametrize(
    "error", [StoreAway("away"), NotConfirmed("timeout", "late", sent=True), NotVisible("not yet")], ids=repr
)
async def test_what_fails_for_a_while_is_summed_again(error: Exception) -> None:
    plans = Plans({"app.send": [error]})
    reporter = summing(plans)
    reporter.dirty("app.send")
    async with asyncio.timeout(30):
        while len(plans.asked) < 2:
            await reporter.due()
            await asyncio.sleep(0.05)


async def test_a_send_that_cannot_be_summed_holds_up_no_other() -> None:
    plans = Plans({"app.bad": [ValueError("no books")]})
    reporter = summing(plans)
    for key in ("app.bad", "app.good"):
        reporter.dirty(key)
    await reporter.due()
    assert plans.asked == ["app.bad", "app.good"]
