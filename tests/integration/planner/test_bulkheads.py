"""A parked or limited variant takes no room on the bus from the others of its app, nor gets any of theirs."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.planner.feeder import Feeder
from services.planner.lookout import MOST
from shared.flow.audience import Audience
from shared.flow.envelope import SliceDue
from shared.flow.identity import root_of
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.plan import CHUNKS_IN_A_SLICE, Plan, PlannedRoute
from shared.flow.record import Part, Record
from shared.flow.send import Route, Send, SendRequest
from shared.in_force import InForce
from shared.runtime.clock import FixedClock
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from shared.store.parking import Parked
from shared.store.variants import Variant

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, tzinfo=UTC)
SLICES, WORKERS, WINDOW = 40, 3, 2


@dataclass
class Broker:
    """What was published, in the place of a broker with three workers."""

    store: Store
    published: list[str] = field(default_factory=list)

    async def slices(self, due: Iterable[tuple[str, Lane, SliceDue]], *, bundled: bool) -> None:
        assert not bundled
        self.published += [one.id for _, _, one in due]

    async def depth(self, queue: str) -> Any:
        del queue
        return Workers()

    def by_route(self) -> Counter[int]:
        return Counter(root_of(one)[0] for one in self.published)


@dataclass
class Workers:
    consumers: int = WORKERS


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


async def variants(store: Store, rates: Iterable[float | None]) -> list[Variant]:
    return [
        await store.variants.create("app", "apns", f"v{n}", {}, frozenset(), NOW, rate) for n, rate in enumerate(rates)
    ]


async def planned(store: Store, some: list[Variant], name: str = "send0001", slices: int = SLICES) -> Plan:
    """A broadcast to these variants, on the schedule."""
    routes = tuple(Route(variant=one.id, platform="apns") for one in some)
    request = SendRequest(audience=Audience(everyone=True), message=Message(title="Ding"))
    send = Send(
        key=f"app.{name}", app="app", request=request, lane=Lane.BULK, routes=routes, small=False, accepted_at=NOW,
        deadline=NOW + timedelta(hours=1),
    )  # fmt: skip
    bounds, chunks = tuple(range(slices + 1)), (CHUNKS_IN_A_SLICE,) * slices
    plan = Plan(
        key=send.key, app="app", lane=Lane.BULK, accepted_at=NOW, deadline=send.deadline,
        routes=tuple(
            PlannedRoute(variant=one.id, platform="apns", bounds=bounds, chunks=chunks) for one in some
        ),
    )  # fmt: skip
    await store.plans.insert(plan)
    await store.schedule.add(send, NOW, timedelta(seconds=30))
    return plan


def feeder(store: Store, most: int = MOST) -> tuple[Feeder, Broker]:
    broker = Broker(store)
    return Feeder(store, cast("Any", broker), cast("Any", broker), WINDOW, InForce(store), FixedClock(), most), broker


async def park(store: Store, variant: Variant) -> None:
    assert await store.parking.park(Parked(variant.id, "app", variant.version, "Forbidden", NOW, NOW))


async def test_a_parked_variant_gets_one_slice_to_probe_with_and_the_others_the_whole_window(opened: Store) -> None:
    first, second, third = await variants(opened, [None, None, None])
    await park(opened, first)
    await planned(opened, [first, second, third])
    feeding, broker = feeder(opened)
    await feeding.feed()
    await feeding.feed()
    assert broker.by_route()[0] == 1
    assert broker.by_route()[1] + broker.by_route()[2] == WINDOW * WORKERS


async def test_what_was_released_before_a_variant_was_parked_takes_no_room(opened: Store) -> None:
    first, second = await variants(opened, [None, None])
    await planned(opened, [first], "send0001")
    feeding, broker = feeder(opened)
    await feeding.feed()
    assert broker.by_route() == {0: WINDOW * WORKERS}
    await park(opened, first)
    await planned(opened, [second], "send0002")
    await feeding.feed()
    of_second = [one for one in broker.published if "send0002" in one]
    assert len(of_second) == WINDOW * WORKERS
    assert len(broker.published) == 2 * WINDOW * WORKERS


async def test_a_limited_variant_has_a_slice_for_each_worker_and_the_others_the_whole_window(opened: Store) -> None:
    limited, free = await variants(opened, [300.0, None])
    await planned(opened, [limited, free])
    feeding, broker = feeder(opened)
    await feeding.feed()
    assert broker.by_route() == {0: WORKERS, 1: WINDOW * WORKERS}


async def test_a_variant_that_a_worker_cannot_send_for_is_fed_apart_until_it_can_again(opened: Store) -> None:
    cut_off, well = await variants(opened, [None, None])
    later = datetime.now(UTC) + timedelta(minutes=5)
    await opened.away.note("a worker", [cut_off.id], later)
    await opened.away.note("another", [cut_off.id, well.id], later)
    await opened.away.back("another", [cut_off.id, well.id])
    await planned(opened, [cut_off, well])
    feeding, broker = feeder(opened)
    await feeding.feed()
    assert broker.by_route() == {0: WORKERS, 1: WINDOW * WORKERS}


async def test_what_a_dead_worker_said_of_a_variant_is_over_when_its_time_is(opened: Store) -> None:
    (variant,) = await variants(opened, [None])
    await opened.away.note("a worker", [variant.id], datetime.now(UTC) - timedelta(seconds=1))
    await planned(opened, [variant])
    feeding, broker = feeder(opened)
    await feeding.feed()
    assert broker.by_route() == {0: WINDOW * WORKERS}


async def test_a_variant_that_was_parked_with_other_credentials_is_fed_as_any(opened: Store) -> None:
    (variant,) = await variants(opened, [None])
    await park(opened, variant)
    await opened.variants.replace(variant, {})
    await planned(opened, [variant])
    feeding, broker = feeder(opened)
    await feeding.feed()
    assert broker.by_route() == {0: WINDOW * WORKERS}


async def test_behind_more_sends_of_a_parked_variant_than_a_look_is_about_another_is_fed(opened: Store) -> None:
    first, second = await variants(opened, [None, None])
    await park(opened, first)
    for number in range(12):
        await planned(opened, [first], f"send{number:04}", slices=2)
    await planned(opened, [second], "send9999")
    feeding, broker = feeder(opened, most=4)
    for _ in range(13):
        await feeding.feed()
    assert sum("send9999" in one for one in broker.published) == WINDOW * WORKERS
    assert len(broker.published) == 1 + WINDOW * WORKERS


async def test_of_too_many_sends_no_more_is_on_the_bus_than_the_window_holds(opened: Store) -> None:
    """Also when a look is not about those whose slices are there, and once they are worked the others follow."""
    (variant,) = await variants(opened, [None])
    plans = [await planned(opened, [variant], f"send{number:04}", slices=1) for number in range(20)]
    released: list[str] = []
    while len(released) < len(plans):
        feeding, broker = feeder(opened, most=4)  # a new one knows what was worked while nobody listened
        for _ in range(12):
            await feeding.feed()
        assert len(broker.published) == min(WINDOW * WORKERS, len(plans) - len(released))
        released += broker.published
        for plan in plans:
            if any(one.startswith(plan.key) for one in broker.published):
                await recorded(opened, plan)
    assert len(set(released)) == len(plans)


async def recorded(store: Store, plan: Plan) -> None:
    """Every chunk is closed, as it would be by a worker."""
    for one in plan.slices():
        parts = tuple(
            Part(
                member=member, send=plan.key, app="app", variant=one.variant, platform="apns", matched=0, counts=(),
                looked_up_at=NOW,
            )
            for member in one.members()
        )  # fmt: skip
        await store.records.insert(Record(id=parts[0].member, by="w", at=NOW, parts=parts))
