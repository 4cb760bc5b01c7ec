"""Filters on the real store: who fits is found by every look, by an index, and without passing many others over."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from shared.estimating import why_many
from shared.flow.audience import Audience, Tags
from shared.flow.filter import Filter
from shared.flow.identity import SHARDS, device_id, shard_of
from shared.flow.plan import PlannedRoute, ShardRange, chunk_of, cut_range
from shared.store.connection import Store, open_store
from shared.store.device_row import new_row
from shared.store.devices import Registration
from shared.store.filtering import SCAN, hint, looks, scan_filter
from shared.store.keyring import open_keyring
from shared.store.look_ups import token_key
from shared.store.survey import CLOSE, Surveyed
from tests.unit.audience.devices import NOW, devices, filters, fits

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
WHOLE = ShardRange(0, SHARDS)
CROWD = 20_000
"""Devices of which the narrowest of the filters below fits some hundred."""
MOST_FOR_ONE = 3


def row(number: int, said: Json, variant: str = "v1") -> Json:
    said = dict(said)
    at, platform = said.pop("registered_at", NOW), said.pop("platform", "apns")
    id_ = device_id(variant, f"t:{number}")
    fixed = {
        "_id": id_, "app": "app", "variant": variant, "platform": platform, "token": f"{number}",
        "token_key": token_key(variant, f"{number}"), "shard": shard_of(id_), "first_seen": at,
    }  # fmt: skip
    return new_row(fixed, said, at)


@pytest.fixture(scope="module")
def few(mongodb_url: str) -> Any:
    """A collection for many small sets of devices, one after another."""
    with MongoClient[Json](mongodb_url, tz_aware=True) as client:
        database = client["test_filters_few"]
        database.drop_collection("devices")
        database["devices"].create_index([("variant", 1), ("facets", 1), ("shard", 1)])
        database["devices"].create_index(
            [("app", 1), ("variant", 1), ("live", 1), ("shard", 1), ("token", 1), ("_id", 1)]
        )
        yield database["devices"]
        client.drop_database(database.name)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(found=st.lists(devices, min_size=1, max_size=12), one=filters)
def test_every_look_finds_exactly_the_devices_that_fit(few: Any, found: Sequence[Json], one: Filter) -> None:
    few.delete_many({})
    few.insert_many([row(number, said) for number, said in enumerate(found)])
    audience = Audience(filter=one)
    expected = {f"{number}" for number, said in enumerate(found) if fits(one, said)}
    for look in range(SCAN, len(looks(audience))):
        query = scan_filter("app", "v1", WHOLE, audience, look)
        told = list(few.find(query, {"token": 1}, hint=hint(audience, look)))
        assert {each["token"] for each in told} == expected
        assert len(told) == len(expected)


KINDS: dict[str, Json] = {
    "tag": {"field": "tags", "eq": "rare"},
    "tags": {"field": "tags", "in": ["rare", "red"]},
    "platform": {"field": "platform", "eq": "apns"},
    "locale": {"field": "locale", "eq": "de-AT"},
    "language": {"field": "language", "in": ["de", "pt"]},
    "zone": {"field": "zone", "eq": "America/Lima"},
    "version": {"field": "app_version", "eq": "2.7"},
    "versions": {"field": "app_version", "gte": "2.3", "lt": "2.8"},
    "system": {"field": "os_version", "exists": True},
    "recent": {"field": "registered_at", "gte": "2030-05-25T00:00:00Z"},
    "long ago": {"field": "registered_at", "lt": "2029-12-01T00:00:00Z"},
    "text": {"field": "attributes.plan", "eq": "gold"},
    "number": {"field": "attributes.age", "eq": 40},
    "numbers": {"field": "attributes.age", "gte": 30, "lte": 45},
    "many numbers": {"field": "attributes.spent", "gt": 900},
    "unix time": {"field": "attributes.paid_at", "gte": 1_890_000_000, "lt": 1_892_592_000},
    "yes": {"field": "attributes.beta", "eq": True},
    "has": {"field": "attributes.beta", "exists": True},
    "has not": {"field": "attributes.beta", "exists": False},
    "and": {"and": [{"field": "attributes.plan", "eq": "gold"}, {"field": "attributes.age", "gte": 20}]},
    "or": {"or": [{"field": "attributes.plan", "eq": "gold"}, {"field": "tags", "eq": "rare"}]},
    "not": {"not": {"field": "attributes.plan", "eq": "gold"}},
    "user": {"field": "user", "exists": True},
}


def someone(number: int, rng: random.Random) -> Json:
    return {
        "tags": [one for one, share in (("rare", 0.01), ("red", 0.3), ("blue", 0.5)) if rng.random() < share],
        "locale": rng.choice(["de", "de-AT", "en-US", "pt-BR", "fr"]),
        "zone": rng.choice(["Europe/Berlin", "America/Lima", "UTC"]),
        "app_version": f"2.{rng.randrange(12)}",
        **({"os_version": f"17.{rng.randrange(5)}"} if rng.random() < 0.2 else {}),
        **({"user": f"u{number}"} if rng.random() < 0.8 else {}),
        "attributes": {
            "plan": "gold" if rng.random() < 0.05 else "free",
            "age": rng.randrange(16, 80),
            "spent": round(rng.expovariate(1 / 200), 2),
            "paid_at": 1_860_000_000 + rng.randrange(40_000_000),
            **({"beta": rng.random() < 0.5} if rng.random() < 0.1 else {}),
        },
        "registered_at": NOW - timedelta(days=rng.expovariate(1 / 90)),
    }


@pytest.fixture(scope="module")
def crowd(mongodb_url: str) -> Any:
    """The name of a database with many devices of one variant."""
    rng = random.Random(7)
    with MongoClient[Json](mongodb_url, tz_aware=True) as client:
        database = client["test_filters_crowd"]
        database["devices"].insert_many([row(n, someone(n, rng)) for n in range(CROWD)], ordered=False)
        yield database.name
        client.drop_database(database.name)


@pytest.fixture
async def crowded(mongodb_url: str, crowd: str, tmp_path: Path) -> Any:
    async with open_store(mongodb_url, crowd, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


def audience_of(filter_: Json) -> Audience:
    return Audience(filter=Filter.model_validate(filter_))


async def stages_of(store: Store, audience: Audience, surveyed: Surveyed, where: ShardRange) -> tuple[str, Json]:
    by = hint(audience, surveyed.look)
    find = {"find": "devices", "filter": scan_filter("app", "v1", where, audience, surveyed.look)}
    find |= {"projection": {"token": 1}} | ({"hint": dict(by)} if by else {})
    said = await store.database.command("explain", find, verbosity="executionStats")
    return str(said["queryPlanner"]["winningPlan"]), said["executionStats"]


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_filter_is_worked_by_an_index_and_passes_few_over(crowded: Store, kind: str) -> None:
    audience = audience_of(KINDS[kind])
    surveyed = await crowded.survey.of("app", "v1", audience, "key", CLOSE)
    assert surveyed.exact
    counted = await crowded.devices.total("app", "v1", audience)
    assert surveyed.matched == counted > 0
    chunk = ShardRange(SHARDS // 3, SHARDS // 3 + SHARDS // 8)
    plan, stats = await stages_of(crowded, audience, surveyed, chunk)
    assert "COLLSCAN" not in plan
    examined = max(stats["totalKeysExamined"], stats["totalDocsExamined"])
    passed_over = 60  # looks for what is not there cost some, however few fit
    assert examined <= MOST_FOR_ONE * stats["nReturned"] + passed_over, (kind, stats["nReturned"], examined)
    assert surveyed.examined <= MOST_FOR_ONE * surveyed.matched + passed_over


@pytest.mark.parametrize("kind", ["long ago", "recent", "versions", "many numbers", "unix time", "language", "tags"])
async def test_an_estimate_says_what_the_chunks_of_a_send_look_at_together(crowded: Store, kind: str) -> None:
    audience = audience_of(KINDS[kind])
    surveyed = await crowded.survey.of("app", "v1", audience, "key", CLOSE)
    told = await crowded.survey.chunked("app", "v1", audience, surveyed)
    bounds, numbers = cut_range(told.matched)
    route = PlannedRoute(variant="v1", platform="apns", bounds=bounds, chunks=numbers)
    parts = [chunk_of(route, slice_, chunk) for slice_, of in enumerate(numbers) for chunk in range(of)]
    chunks = [one for one in parts if isinstance(one, ShardRange)]
    seen = [(await stages_of(crowded, audience, told, chunk))[1] for chunk in chunks]
    examined = sum(max(one["totalKeysExamined"], one["totalDocsExamined"]) for one in seen)
    assert sum(one["nReturned"] for one in seen) == told.matched
    assert examined * 0.85 < told.examined < examined * 1.15, (len(chunks), told, examined)
    assert told.apart > 0 or kind != "long ago"


def test_many_values_and_few_that_fit_are_told_apart() -> None:
    audience = audience_of(KINDS["long ago"])
    assert why_many(Surveyed(1000, 2900, 0, exact=True, apart=1900), audience) == ""
    assert "looks once for every one" in why_many(Surveyed(1000, 3600, 0, exact=True, apart=2600), audience)
    assert "few of them fit" in why_many(Surveyed(1000, 9000, 0, exact=True, apart=2600), audience)


async def test_the_narrowest_condition_leads(crowded: Store) -> None:
    wide, narrow = KINDS["language"], KINDS["tag"]
    for order in ([wide, narrow], [narrow, wide]):
        audience = audience_of({"and": order})
        surveyed = await crowded.survey.of("app", "v1", audience, "key", CLOSE)
        assert surveyed.look == order.index(narrow)
        assert surveyed.examined < CROWD / 50


async def test_what_no_index_narrows_is_found_all_the_same_and_said(crowded: Store) -> None:
    audience = Audience(tags=Tags(none=("blue", "red")), filter=Filter.model_validate({"field": "user", "eq": "u77"}))
    surveyed = await crowded.survey.of("app", "v1", audience, "key", CLOSE)
    assert (surveyed.look, surveyed.examined) == (SCAN, CROWD)
    assert surveyed.matched <= 1


async def test_a_chunk_is_the_same_whatever_look_finds_it(crowded: Store) -> None:
    audience = audience_of({"and": [KINDS["language"], KINDS["versions"], KINDS["numbers"], KINDS["recent"]]})
    where = ShardRange(SHARDS // 7, SHARDS // 5)
    found = [
        {device.id for device in await crowded.devices.in_range("app", "v1", where, audience, (), look)}
        for look in range(SCAN, len(looks(audience)))
    ]
    assert len(found) == 5
    assert found[0]
    assert all(one == found[0] for one in found)


async def test_a_device_that_says_something_else_is_found_by_that_alone(opened: Store) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)

    async def registered(**said: Any) -> None:
        await opened.devices.register(Registration("app", "v1", "apns", "t", "phone", said), at)

    async def fitting(filter_: Json) -> int:
        audience = audience_of(filter_)
        counts = {
            await opened.devices.count("app", "v1", WHOLE, audience, look) for look in range(SCAN, len(looks(audience)))
        }
        assert len(counts) == 1
        return counts.pop()

    plan, other = {"field": "attributes.plan", "eq": "$gold"}, {"field": "attributes.plan", "exists": True}
    await registered(attributes={"plan": "$gold", "n": 5}, tags=["$tag"], user="$user", app_version="1.2", locale="de")
    assert [await fitting(one) for one in (plan, other, {"field": "tags", "eq": "$tag"})] == [1, 1, 1]
    await registered(attributes={"n": 6})
    assert [await fitting(one) for one in (plan, other, {"field": "tags", "eq": "$tag"})] == [0, 0, 1]
    assert await fitting({"field": "attributes.n", "gt": 5}) == 1
    await registered(locale=None, app_version="1.10")
    assert await fitting({"field": "locale", "exists": True}) == 0
    assert await fitting({"field": "app_version", "gte": "1.9"}) == 1
    await registered(app_version=None, tags=None)
    assert await fitting({"field": "app_version", "exists": True}) == 0
    assert await fitting({"field": "tags", "exists": True}) == 0
    (stored,) = await opened.database["devices"].find().to_list(None)
    assert (stored["user"], "app_version_key" in stored, stored["attributes"]) == ("$user", False, {"n": 6})
    assert not [one for one in stored["facets"] if one[:2] in {"t:", "l:", "v:"}]


async def test_subscriptions_change_tags_and_wishes_and_nothing_else(opened: Store) -> None:
    registration = Registration("app", "v1", "apns", "t", None, {"tags": ["b", "a"], "zone": "UTC"})
    device, _ = await opened.devices.register(registration, NOW)
    assert await opened.devices.subscribe("app", device, ["c", "a"], {"ads": True}, 3)
    assert await opened.devices.subscribe("app", device, ["d"], {}, 3) is False
    assert await opened.devices.unsubscribe("app", device, ["b", "x"], {"ads": False, "news": False}, 3)
    assert await opened.devices.subscribe("other", device, ["d"], {}, 3) is None
    assert await opened.devices.unsubscribe("other", device, ["a"], {}, 3) is None
    (stored,) = await opened.database["devices"].find().to_list(None)
    assert (stored["tags"], stored["categories"]) == (["a", "c"], {"ads": False, "news": False})
    assert sorted(one for one in stored["facets"] if not one.startswith("r:")) == ["t:a", "t:c", "z:UTC"]
    assert stored["registered_at"] == NOW
