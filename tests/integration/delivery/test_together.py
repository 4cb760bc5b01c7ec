"""What small slices are worked together, and what stays apart: by the messages that bring them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.delivery.admitting import Admitting
from services.delivery.admitting import Message as Due
from services.delivery.catalog import Catalog
from services.delivery.chunks import Chunks, Worked
from services.delivery.gate import Entry
from services.delivery.held import Held, Table
from services.delivery.job import Job
from services.delivery.leases import Leases
from services.delivery.passing import Passing
from services.delivery.slices import Slices
from shared.bus.connection import Bus
from shared.bus.incoming import Incoming, Settlement
from shared.flow.audience import Audience
from shared.flow.envelope import SliceDue, SlicesDue
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.plan import Plan, PlannedRoute
from shared.flow.send import Route, Send, SendRequest
from shared.providers.registry import provider
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, tzinfo=UTC)
CHUNKS = 4


@dataclass
class Scene:
    """Slices over a real store; the broker and the work itself are stood in for."""

    store: Store
    worked: list[list[str]] = field(default_factory=list)
    published: list[SlicesDue] = field(default_factory=list)
    settled: dict[int, Settlement] = field(default_factory=dict)
    slices: Slices = field(init=False)

    def __post_init__(self) -> None:
        clock, metrics = cast("Any", FixedClock(NOW)), Metrics()
        leases = Leases("apns", self.store, clock, metrics, "me", timedelta(seconds=30), Table())
        passing = Passing("apns", cast("Bus", self), clock, metrics, 1)
        catalog = Catalog(self.store, provider("apns"))
        life = Life(timedelta(seconds=1))
        self.slices = Slices(
            life, Admitting(self.store, catalog, cast("Any", self), passing), leases, passing, cast("Chunks", self)
        )

    async def work(self, jobs: Sequence[Job], lane: Lane, held: Held) -> Worked:
        del lane, held
        self.worked.append([one.member for one in jobs])
        return Worked()

    async def look(self, jobs: Sequence[Job], lane: Lane) -> Entry:
        """The gate lets everything through."""
        del jobs, lane
        return Entry()

    def turn(self, entry: Entry, lane: Lane) -> AbstractContextManager[None]:
        del entry, lane
        return nullcontext()

    async def publish(self, exchange: str, key: str, body: bytes, **_: Any) -> None:
        del exchange, key
        self.published.append(SlicesDue.model_validate_json(body))

    def message(self, *slices: SliceDue, alone: bool = False, redelivered: bool = False) -> Due:
        number = len(self.settled) + 1
        self.settled[number] = Settlement.REQUEUE  # until it is acked

        async def settle(how: Settlement) -> bool:
            self.settled[number] = how
            return True

        incoming = Incoming(
            body=b"", exchange="", routing_key="", headers={}, message_id=None, correlation_id=None, reply_to=None,
            user_id=None, content_type=None, redelivered=redelivered, published=None, _settle=settle,
            _gone=lambda: False,
        )  # fmt: skip
        return Due(slices, alone, incoming)

    @property
    def acked(self) -> bool:
        return set(self.settled.values()) == {Settlement.ACK}


@pytest.fixture
async def scene(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        await store.sends.insert([send(number) for number in range(5)] + [send(9, small=False)])
        route = PlannedRoute(variant="v1", platform="apns", bounds=(0, 100), chunks=(CHUNKS,))
        await store.plans.insert(
            Plan(key=key(9), app="app", lane=Lane.NOW, accepted_at=NOW, deadline=NOW, routes=(route,))
        )
        yield Scene(store)


def key(number: int) -> str:
    return f"app.send{number:04}"


def due(number: int, chunk: int | None = None) -> SliceDue:
    return SliceDue(id=f"{key(number)}.0.0", chunks=None if chunk is None else (chunk,))


def member(number: int, chunk: int = 0) -> str:
    return f"{key(number)}.0.0/{chunk}"


def send(number: int, *, small: bool = True) -> Send:
    request = SendRequest(audience=Audience(users=("ann",)), message=Message(title="Ding"))
    routes = (Route(variant="v1", platform="apns"),)
    return Send(
        key=key(number), app="app", lane=Lane.NOW, routes=routes, small=small, request=request,
        accepted_at=NOW, deadline=NOW,
    )  # fmt: skip


async def test_what_waited_together_is_one_piece_of_work_and_each_slice_is_in_it_once(scene: Scene) -> None:
    messages = [scene.message(due(0), due(1)), scene.message(due(2)), scene.message(due(1), due(3))]
    await scene.slices.together(messages, Lane.NOW)
    assert scene.worked == [[member(0), member(1), member(2), member(3)]]
    assert scene.acked
    assert not scene.published


async def test_a_message_that_comes_back_does_not_join_the_others(scene: Scene) -> None:
    messages = [
        scene.message(due(0)), scene.message(due(1), redelivered=True), scene.message(due(2), due(3), redelivered=True),
    ]  # fmt: skip
    await scene.slices.together(messages, Lane.NOW)
    assert sorted(scene.worked) == [[member(0)], [member(1)]]
    assert [one.slices for one in scene.published] == [(due(2),), (due(3),)]
    assert all(one.alone for one in scene.published)  # else a slice that kills its workers would take others along
    assert scene.acked


async def test_what_was_taken_apart_stays_apart(scene: Scene) -> None:
    messages = [scene.message(due(number), alone=True) for number in range(3)]
    await scene.slices.together(messages, Lane.NOW)
    assert sorted(scene.worked) == [[member(0)], [member(1)], [member(2)]]
    assert scene.acked


async def test_a_message_narrowed_to_a_chunk_brings_that_chunk_only(scene: Scene) -> None:
    messages = [scene.message(due(0)), scene.message(due(9, 1), alone=True), scene.message(due(9, 3), alone=True)]
    await scene.slices.together(messages, Lane.NOW)
    assert sorted(scene.worked) == [[member(0)], [member(9, 1)], [member(9, 3)]]
    assert scene.acked


async def test_a_slice_of_a_planned_send_is_worked_chunk_by_chunk_beside_a_bundle(scene: Scene) -> None:
    await scene.slices.together([scene.message(due(0), due(1)), scene.message(due(9))], Lane.NOW)
    assert sorted(scene.worked) == [[member(0), member(1)], *([member(9, chunk)] for chunk in range(CHUNKS))]
    assert scene.acked


async def test_a_slice_that_several_messages_bring_at_once_is_worked_once(scene: Scene) -> None:
    await scene.slices.together([scene.message(due(0), redelivered=True) for _ in range(2)], Lane.NOW)
    await scene.slices.together([scene.message(due(1)), scene.message(due(1), redelivered=True)], Lane.NOW)
    assert scene.worked == [[member(0)], [member(1)]]
    assert scene.acked
