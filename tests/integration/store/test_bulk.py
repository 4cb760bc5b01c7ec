"""Devices registered by the thousand: the rows are those that registrations one by one would have left."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from shared.flow.facets import facets_of
from shared.store.bulk_plan import Line
from shared.store.connection import Store
from shared.store.devices import Registration
from tests.integration.store.test_filters import someone
from tests.unit.audience.devices import NOW

pytestmark = pytest.mark.anyio
MANY = 150
SOON = NOW + timedelta(days=2, microseconds=1500)


def line(number: int, said: dict[str, Any], variant: str = "v1") -> Line:
    said = dict(said)
    at = said.pop("registered_at", NOW)
    return Line(Registration("app", variant, "apns", f"t{number}", f"phone {number}", said), at)


def changed(number: int, rng: random.Random) -> dict[str, Any]:
    """Some of what it said before in other words, some taken back, most not said at all."""
    said = someone(number, rng)
    return {
        name: None if rng.random() < 0.2 and name != "registered_at" else value
        for name, value in said.items()
        if rng.random() < 0.5
    } | {"registered_at": SOON}


async def kept(store: Store, variant: str) -> list[dict[str, Any]]:
    found = await store.database["devices"].find({"variant": variant}).sort("token", 1).to_list(None)
    own = {"_id", "variant", "shard", "token_key"}
    return [{name: value for name, value in one.items() if name not in own} for one in found]


def sorted_facets(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "facets": sorted(one["facets"])} for one in rows]


async def test_a_bulk_leaves_the_rows_that_its_lines_by_themselves_would(opened: Store) -> None:
    rng = random.Random(3)
    rounds = [[someone(n, rng) for n in range(MANY)], [changed(n, rng) for n in range(MANY)]]
    rounds.append([{"registered_at": SOON}] * MANY)
    for number, said in enumerate(rounds):
        done = await opened.bulk.register([line(n, one) for n, one in enumerate(said)])
        assert (done.created, done.updated, done.refused) == ((0, MANY, {}) if number else (MANY, 0, {}))
        for n, one in enumerate(said):
            each = line(n, one, "v2")
            await opened.devices.register(each.new, each.at)
        assert sorted_facets(await kept(opened, "v1")) == sorted_facets(await kept(opened, "v2"))


async def test_facets_fit_what_a_device_says_whoever_else_changes_it_meanwhile(opened: Store) -> None:
    """A subscription between the reading and the writing of a bulk is neither lost nor forgotten by the facets."""
    await opened.bulk.register([line(n, {"tags": ["a"], "locale": "de"}) for n in range(20)])
    rows = await opened.database["devices"].find({}, {"_id": 1}).to_list(None)
    for turn in range(8):
        locale = {"locale": "de" if turn % 2 else "fr", "registered_at": NOW + timedelta(seconds=turn)}
        await asyncio.gather(
            opened.bulk.register([line(n, locale) for n in range(20)]),
            *(opened.devices.subscribe("app", one["_id"], [f"tag{turn}"], {}, 100) for one in rows),
        )
    for one in await kept(opened, "v1"):
        assert one["tags"] == ["a", *(f"tag{turn}" for turn in range(8))]
        assert sorted(one["facets"]) == sorted(facets_of(one))
        assert one["locale"] == "de"


async def test_a_token_that_is_another_devices_goes_to_the_one_that_says_so_last(opened: Store) -> None:
    await opened.bulk.register([line(n, {}) for n in range(10)])
    swapped = [
        Line(Registration("app", "v1", "apns", f"t{(n + 1) % 10}", f"phone {n}", {"user": f"u{n}"}), SOON)
        for n in range(10)
    ]
    done = await opened.bulk.register([*swapped, line(10, {})])
    assert done.created + done.updated == 11
    owners = {one["token"]: one["user"] for one in await kept(opened, "v1") if "user" in one}
    assert len(owners) == len({*owners.values()})
    assert owners["t0"] == "u9"
