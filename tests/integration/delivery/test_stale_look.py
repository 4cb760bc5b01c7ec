"""What was closed between a look at the records and the claim is not worked again, however the claim became free."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.delivery.held import Held, Table
from services.delivery.leases import Leases
from shared.flow.record import Part, Record
from shared.runtime.clock import FixedClock
from shared.runtime.metrics import Metrics
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring

pytestmark = pytest.mark.anyio
START = datetime(2030, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)
CHUNKS = [f"app.send0001.0.0/{n}" for n in range(3)]


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


def worker(store: Store, clock: FixedClock, name: str) -> Leases:
    return Leases("apns", store, cast("Any", clock), Metrics(), name, LEASE, Table())


async def close(store: Store, member: str) -> None:
    part = Part(
        member=member, send="app.send0001", app="app", variant="v1", platform="apns", matched=0, counts=(),
        looked_up_at=START,
    )  # fmt: skip
    await store.records.insert(Record(id=member, by="other", at=START, parts=(part,)))


@pytest.mark.parametrize("drained", [True, False])
async def test_who_claims_late_what_another_has_closed_meanwhile_must_look_again(
    opened: Store, *, drained: bool
) -> None:
    clock = FixedClock(START)
    late, other = worker(opened, clock, "late"), worker(opened, clock, "other")
    held = await other.take(CHUNKS)
    assert isinstance(held, Held)
    await close(opened, CHUNKS[0])
    if drained:
        await other.end(held)
    else:
        clock.advance(2 * LEASE)
    assert await late.take(CHUNKS) == clock.now()  # looked up before: to be looked at again, at once
    again = await late.take(CHUNKS[1:])
    assert isinstance(again, Held)
    assert again.claim.takeovers == 0


async def test_a_claim_that_ran_out_without_a_record_is_taken_over_at_once(opened: Store) -> None:
    clock = FixedClock(START)
    assert isinstance(await worker(opened, clock, "dead").take(CHUNKS), Held)
    clock.advance(2 * LEASE)
    taken = await worker(opened, clock, "next").take(CHUNKS)
    assert isinstance(taken, Held)
    assert taken.claim.takeovers == 1
