"""The claims and records that the machine of random lives plays with are the store's own: step by step they agree."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.flow.record import Record
from shared.store.claims import Claim, HeldByAnother, Suspected
from shared.store.connection import Store, open_store
from shared.store.errors import Lost
from shared.store.keyring import open_keyring
from tests.integration.delivery.test_closing import part
from tests.unit.books.world import LEASE, World

pytestmark = pytest.mark.anyio
CHUNKS = [part(number).member for number in range(4)]
OWNERS = [f"delivery-apns@here/{number}" for number in range(4)]
SOME = st.lists(st.sampled_from(CHUNKS), min_size=1, unique=True)
OWNER = st.sampled_from(OWNERS)
STEP = st.one_of(
    st.tuples(st.just("take"), SOME, OWNER, st.booleans()),
    st.tuples(st.just("take"), st.sampled_from(CHUNKS).map(lambda one: [one]), OWNER, st.just(value=False)),
    st.tuples(st.just("pass"), st.sampled_from([timedelta(seconds=n) for n in (1, 14, 16, 31, 31)])),
    st.tuples(st.just("hand_back"), OWNER),
    st.tuples(st.just("renew"), OWNER),
    st.tuples(st.just("alone"), OWNER),
    st.tuples(st.just("close"), SOME),
)


@dataclass
class Pair:
    """The model and the store, which are told the same."""

    store: Store
    world: World = field(default_factory=lambda: World(random.Random(1)))
    ids: dict[str, str] = field(default_factory=dict)
    """The store's name of each claim, by the model's."""

    async def take(self, chunks: list[str], owner: str, suspected: bool) -> None:  # noqa: FBT001  # as it is drawn
        now = self.world.now
        ours = self.world.take(chunks, owner, suspected=suspected)
        theirs = await self.store.claims.take(chunks, owner, now, now + LEASE, suspected=suspected)
        if isinstance(ours, Claim) and isinstance(theirs, Claim):
            self.ids[ours.id] = theirs.id
        assert told(ours) == told(theirs)

    async def renew(self, owner: str) -> None:
        mine = self._of(owner)
        for one in mine:
            one.until = self.world.now + LEASE
        names = [self.ids[one.claim.id] for one in mine]
        assert await self.store.claims.renew(owner, names, self.world.now + LEASE) == set()

    async def hand_back(self, owner: str) -> None:
        mine = self._of(owner)
        for one in mine:
            one.until, one.handed_back = self.world.now, True
        await self.store.claims.hand_back(owner, [self.ids[one.claim.id] for one in mine], self.world.now)

    async def alone(self, owner: str) -> None:
        for one in self._of(owner):
            one.alone = True
            await self.store.claims.work_alone(owner, self.ids[one.claim.id])

    async def close(self, members: list[str]) -> None:
        parts = [part(CHUNKS.index(member)) for member in members]
        lost, found = self.world.insert(parts, {}), set[str]()
        try:
            await self.store.records.insert(
                Record(id=members[0], by=f"{self.world.rng.getrandbits(64)}", at=self.world.now, parts=tuple(parts))
            )
        except Lost as error:
            found = set(error.members)
        assert found == lost

    def _of(self, owner: str) -> list[Any]:
        return [one for one in self.world.claims if one.owner == owner and one.until > self.world.now]


def told(taken: Claim | HeldByAnother | Suspected) -> object:
    if isinstance(taken, Claim):
        return set(taken.members), taken.takeovers, taken.inherited, taken.alone, taken.elsewhere
    return taken


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=5, max_size=40))
async def test_whatever_is_taken_handed_back_left_or_closed_the_model_says_what_the_store_says(
    opened: Store, steps: list[Any]
) -> None:
    for collection in ("claims", "records", "deaths"):
        await opened.database[collection].delete_many({})
    pair = Pair(opened)
    for name, *arguments in steps:
        if name == "pass":
            pair.world.now += arguments[0]
        else:
            await getattr(pair, name)(*arguments)
