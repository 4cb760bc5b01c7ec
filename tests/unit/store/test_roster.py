"""What is believed of an app's variants is never older than the change that was answered, whichever read ends last."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from shared.flow.rules import Rules
from shared.roster import Roster, Rosters
from shared.store.variants import Variant

pytestmark = pytest.mark.anyio


class Shelf:
    """Variants of one app; a read takes what is there when it begins, and ends when it is let go."""

    def __init__(self) -> None:
        self.there: list[Variant] = []
        self.reads = 0
        self.held: list[asyncio.Event] = []
        self.hold = False

    def add(self, id_: str) -> None:
        made = datetime(2030, 1, 1, tzinfo=UTC)
        self.there = [*self.there, Variant(id_, "app", "apns", id_, 1, made, {}, opened=False)]

    async def all(self, _: str) -> list[Variant]:
        self.reads += 1
        found = self.there
        if self.hold:
            self.held.append(asyncio.Event())
            await self.held[-1].wait()
        return found

    async def of(self, _: str) -> Rules:
        return Rules()


def names(roster: Roster) -> list[str]:
    return [one.variant for one in roster.targets]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def rosters(shelf: Shelf) -> Rosters:
    return Rosters(cast(Any, shelf), cast(Any, shelf), lambda: 0.0)


async def test_who_knows_of_a_change_is_given_what_it_changed_and_all_others_cost_no_read(
    shelf: Shelf, rosters: Rosters
) -> None:
    shelf.add("one")
    assert names(await rosters.of("app", changes=1)) == ["one"]
    shelf.add("two")
    assert names(await rosters.of("app", changes=1)) == ["one"]
    assert names(await rosters.of("app", changes=2)) == ["one", "two"]
    for changes in (2, 1, 2, None):
        assert names(await rosters.of("app", changes=changes)) == ["one", "two"]
    assert shelf.reads == 2


async def test_a_read_that_began_before_a_change_is_not_believed_after_it(shelf: Shelf, rosters: Rosters) -> None:
    shelf.add("one")
    shelf.hold = True
    early = asyncio.ensure_future(rosters.of("app"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(shelf.held) == 1
    shelf.add("two")
    rosters.forget("app")
    shelf.hold = False
    assert names(await rosters.of("app")) == ["one", "two"]
    shelf.held[0].set()
    assert names(await early) == ["one"]
    assert names(await rosters.of("app")) == ["one", "two"]
