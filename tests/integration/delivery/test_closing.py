"""A bundle that loses a member records the others one by one, and only the lost one is anybody else's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.delivery.closing import Closer, Wiring
from services.delivery.held import Held, Table
from services.delivery.leases import Leases
from shared.bus.connection import Bus
from shared.flow.audience import Audience
from shared.flow.envelope import ChunksDone
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.record import Count, Part, Record, Undelivered
from shared.flow.send import Route, Send, SendRequest
from shared.flow.verdict import Fate
from shared.runtime.clock import FixedClock
from shared.runtime.metrics import Metrics
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class Heard:
    """What was published, in the place of a broker."""

    results: list[ChunksDone] = field(default_factory=list)

    async def publish(self, exchange: str, key: str, body: bytes, **_: Any) -> None:
        del exchange, key
        self.results.append(ChunksDone.model_validate_json(body))


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


def part(number: int, *, closing: bool = False) -> Part:
    fate = Fate.EXPIRED if closing else Fate.DELIVERED
    return Part(
        member=f"app.send{number:04}.0.0/0", send=f"app.send{number:04}", app="app", variant="v1", platform="apns",
        matched=1, counts=(Count(fate=fate, n=1),), looked_up_at=NOW, closing=closing,
    )  # fmt: skip


def send(number: int) -> Send:
    request = SendRequest(audience=Audience(users=("ann",)), message=Message(title="Ding"))
    routes = (Route(variant="v1", platform="apns"),)
    key = f"app.send{number:04}"
    return Send(
        key=key, app="app", lane=Lane.NOW, routes=routes, small=True, request=request, accepted_at=NOW, deadline=NOW
    )


async def test_a_bundle_that_lost_a_member_records_and_tells_the_others(opened: Store) -> None:
    heard, metrics = Heard(), Metrics()
    closer = Closer(Wiring(opened, cast("Bus", heard), cast("Any", FixedClock(NOW)), metrics, 1))
    lost = part(2, closing=True)
    await opened.records.insert(Record(id=lost.member, by="the closer", at=NOW, parts=(lost,)))
    closed = await closer.close([part(number) for number in range(5)])
    await closer.derive(closed, {f"app.send{number:04}": send(number) for number in range(5)}, Lane.NOW)
    assert closed.lost == {lost.member}
    assert await opened.records.closed(part(number).member for number in range(5)) == {
        part(number).member for number in range(5)
    }
    assert (await opened.records.part(lost.member)) == lost
    assert sorted(member for done in heard.results for member in done.members) == [
        part(number).member for number in (0, 1, 3, 4)
    ]
    assert metrics.registry.get_sample_value("carillon_records_lost_total", {"platform": "apns"}) == 1


async def test_a_device_that_ended_in_two_ways_is_a_conflict_and_counted(opened: Store) -> None:
    metrics = Metrics()
    closer = Closer(Wiring(opened, cast("Bus", Heard()), cast("Any", FixedClock(NOW)), metrics, 1))
    dead = Undelivered(device=b"d" * 12, fate=Fate.UNREGISTERED, reason="Unregistered")
    other = part(1).model_copy(update={"counts": (Count(fate=Fate.UNREGISTERED, n=1),), "undelivered": (dead,)})
    await opened.records.insert(Record(id=other.member, by="another", at=NOW, parts=(other,)))
    assert (await closer.close([part(1)])).lost == {other.member}
    assert metrics.registry.get_sample_value("carillon_chunk_conflicts_total") == 1


async def test_a_claim_that_another_took_is_counted(opened: Store) -> None:
    metrics, clock = Metrics(), cast("Any", FixedClock(NOW))
    leases = Leases("apns", opened, clock, metrics, "one", timedelta(seconds=30), Table())
    held = await leases.take([part(1).member])
    assert isinstance(held, Held)
    with leases.holding(held):
        await opened.database["claims"].delete_many({})
        await leases._renew([held])
    assert held.lost
    assert metrics.registry.get_sample_value("carillon_claims_lost_total", {"platform": "apns"}) == 1
