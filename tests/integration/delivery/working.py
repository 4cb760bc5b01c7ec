"""Slices over a real store, where the broker and the work itself are stood in for; a worker may die of its work."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

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
from services.delivery.solitude import Solitude
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

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CHUNKS = 4
LEASE = timedelta(seconds=30)


class DiedError(Exception):
    """The worker did, in the middle of its work."""


@dataclass
class Scene:
    """One worker's slices."""

    store: Store
    owner: str = "delivery-apns@here/1"
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    deadly: set[str] = field(default_factory=set)
    """What its worker dies of; all that it works at that time dies with it."""
    poison: list[str] = field(default_factory=list)
    worked: list[list[str]] = field(default_factory=list)
    published: list[SlicesDue] = field(default_factory=list)
    settled: dict[int, Settlement] = field(default_factory=dict)
    solitude: Solitude = field(default_factory=Solitude)
    slices: Slices = field(init=False)

    def __post_init__(self) -> None:
        clock, metrics = cast("Any", self.clock), Metrics()
        leases = Leases("apns", self.store, clock, metrics, self.owner, LEASE, Table())
        passing = Passing("apns", cast("Bus", self), clock, metrics, 1)
        catalog = Catalog(self.store, provider("apns"))
        life = Life(timedelta(seconds=1))
        self.slices = Slices(
            life, Admitting(self.store, catalog, cast("Any", self), passing), leases, passing, cast("Chunks", self),
            self.solitude,
        )  # fmt: skip

    async def look_ahead(self, jobs: Sequence[Job]) -> None:
        """Nothing is known ahead."""

    async def work(self, jobs: Sequence[Job], lane: Lane, held: Held, ahead: None = None) -> Worked:
        del lane, held, ahead
        self.worked.append([one.member for one in jobs])
        await asyncio.sleep(0.05)  # so that whatever is worked at that time has begun
        if self.deadly & {one for some in self.worked for one in some}:
            raise DiedError
        return Worked()

    async def close_as_poison(self, job: Job, lane: Lane) -> None:
        del lane
        self.poison.append(job.member)

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


@asynccontextmanager
async def open_scene(url: str, database: str, folder: Path) -> AsyncIterator[Scene]:
    """A worker, with five small sends and one that is planned, number 9."""
    async with open_store(url, database, open_keyring(folder / "keyring")) as store:
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
