"""One access token for all processes: whoever dies while it renews, and while the store is away, the old one serves."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from services.cli.local.servers import Server
from services.delivery.authorization import LEASE, PATIENCE, Authorizer, Wiring
from services.delivery.catalog import Credentialed
from shared.flow.verdict import Answer, Outcome
from shared.providers.contract import AuthorizationRefused, Form
from shared.providers.registry import provider
from shared.runtime.clock import FixedClock
from shared.runtime.metrics import Metrics
from shared.store.connection import OPERATION, Store, open_store
from shared.store.keyring import open_keyring
from tests.integration.ingest.credentials import fcm

pytestmark = pytest.mark.anyio
START = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Google:
    """Hands out access tokens of an hour; slowly, or never while `silent`."""

    asked: int = 0
    silent: bool = False
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, form: Form) -> Outcome:
        assert form.fields["grant_type"]
        self.asked += 1
        self.waiting.set()
        await asyncio.sleep(60 if self.silent else 0.05)
        said = {"access_token": f"token-{self.asked}", "expires_in": int(HOUR.total_seconds())}
        return Answer(200, {}, json.dumps(said).encode())


@dataclass
class Team:
    """Processes that share a store, a clock and a service account."""

    store: Store
    google: Google = field(default_factory=Google)
    clock: FixedClock = field(default_factory=lambda: FixedClock(START))
    variant: Credentialed = field(
        default_factory=lambda: Credentialed(cast("Any", None), provider("fcm").Settings.model_validate(fcm()))
    )

    def worker(self, name: str, patience: timedelta = PATIENCE) -> Authorizer:
        speaks = provider("fcm")
        clock = cast("Any", self.clock)
        return Authorizer(
            Wiring(self.store, speaks, speaks.Endpoints(), self.google.post, clock, Metrics(), name, patience)
        )


@asynccontextmanager
async def team_on(url: str, database: str, folder: Path, limit: timedelta = OPERATION) -> AsyncIterator[Team]:
    async with open_store(url, database, open_keyring(folder / "keyring"), limit=limit) as store:
        await store.ensure()
        yield Team(store)


@pytest.fixture
async def team(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Team]:
    async with team_on(mongodb_url, database, tmp_path) as one:
        yield one


async def test_eight_processes_that_start_together_ask_google_once(team: Team) -> None:
    workers = [team.worker(f"w{n}") for n in range(8)]
    values = await asyncio.gather(*(worker.value(team.variant) for worker in workers for _ in range(5)))
    assert set(values) == {"Bearer token-1"}
    assert team.google.asked == 1
    team.clock.advance(HOUR * 0.8)
    values = await asyncio.gather(*(worker.value(team.variant) for worker in workers))
    assert set(values) <= {"Bearer token-1", "Bearer token-2"}  # the old one holds while one of them renews it
    assert "Bearer token-2" in values
    assert team.google.asked == 2


async def test_a_process_that_dies_while_it_renews_holds_nobody_up_longer_than_its_lease(team: Team) -> None:
    dying, other = team.worker("dying"), team.worker("other")
    assert await other.value(team.variant) == "Bearer token-1"
    team.clock.advance(HOUR * 0.8)
    team.google.silent = True
    team.google.waiting.clear()
    renewing = asyncio.ensure_future(dying.value(team.variant))
    await asyncio.wait_for(team.google.waiting.wait(), 30)
    renewing.cancel()
    team.google.silent = False
    assert await other.value(team.variant) == "Bearer token-1"
    team.clock.advance(LEASE + timedelta(seconds=1))
    assert await other.value(team.variant) == "Bearer token-3"


async def test_while_the_store_is_away_the_old_token_serves_as_long_as_it_is_valid_and_holds_nobody_up(
    own_store: Server, tmp_path: Path
) -> None:
    async with team_on(own_store.url, "away", tmp_path, limit=timedelta(seconds=8)) as team:
        worker = team.worker("w", patience=timedelta(seconds=1))
        assert await worker.value(team.variant) == "Bearer token-1"
        await asyncio.to_thread(own_store.kill)
        team.clock.advance(HOUR * 0.9)
        began = time.monotonic()
        values = await asyncio.gather(*(worker.value(team.variant) for _ in range(20)))
        assert set(values) == {"Bearer token-1"}
        assert time.monotonic() - began < 7  # one try for all of them, and not to its end
        team.clock.advance(HOUR * 0.2)
        with pytest.raises(AuthorizationRefused) as refused:
            await worker.value(team.variant)
        assert (refused.value.reason, refused.value.permanent) == ("store_away", False)
        await asyncio.to_thread(own_store.start)
        assert await worker.value(team.variant) == "Bearer token-2"
