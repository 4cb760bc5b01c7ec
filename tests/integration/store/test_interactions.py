"""What devices tell is bounded where it is read: whoever has the app may tell any number of actions."""

from datetime import timedelta

import pytest

from shared.store.connection import Store
from shared.store.interactions import MOST, Told
from tests.records import NOW

pytestmark = pytest.mark.anyio
DEVICE = bytes(12)


async def test_a_report_names_the_most_frequent_actions_however_many_are_told(opened: Store) -> None:
    book = opened.interactions
    told = [Told("app.send", DEVICE, "action", f"made up {n:04}", NOW + timedelta(seconds=n)) for n in range(3 * MOST)]
    told += [Told("app.send", bytes([n] * 12), "action", "reply", NOW) for n in range(1, 4)]
    assert await book.note(told) == len(told)
    found = await book.of_send("app.send", NOW, 10)
    assert len(found.actions) == MOST
    assert found.actions["reply"] == 3
    assert list(found.actions) == sorted(found.actions)
    one = await book.of_device("app.send", DEVICE)
    assert [each.at for each in one] == [NOW + timedelta(seconds=n) for n in range(MOST)]
