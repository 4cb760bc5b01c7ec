"""Devices: one row for an installation, one for a token; whom a send finds, and that an index finds them."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.flow.audience import Audience, Tags
from shared.flow.hygiene import Finding
from shared.flow.identity import SHARDS
from shared.flow.plan import ShardRange
from shared.store.connection import Store
from shared.store.devices import Registration
from shared.store.filtering import scan_filter

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(seconds=1)
WHOLE = ShardRange(0, SHARDS)
EVERYONE = Audience(everyone=True)


async def register(store: Store, token: str, installation: str | None = None, **said: Any) -> bytes:
    at = said.pop("at", NOW)
    variant = said.pop("variant", "v1")
    device, _ = await store.devices.register(Registration("app", variant, "apns", token, installation, said), at)
    return device


async def rows(store: Store) -> list[dict[str, Any]]:
    return await store.database["devices"].find().to_list(None)


async def found(store: Store, audience: Audience = EVERYONE, where: ShardRange = WHOLE) -> set[str]:
    return {device.token for device in await store.devices.in_range("app", "v1", where, audience)}


async def test_registering_many_times_at_once_makes_one_row(opened: Store) -> None:
    named = Registration("app", "v1", "apns", "t1", "phone", {})
    unnamed = Registration("app", "v1", "apns", "t2", None, {})
    for registration in (named, unnamed):
        ids = await asyncio.gather(*(opened.devices.register(registration, NOW) for _ in range(20)))
        assert len({device for device, _ in ids}) == 1
        assert sum(new for _, new in ids) == 1
    assert len(await rows(opened)) == 2


async def test_a_new_token_keeps_the_device_and_its_shard(opened: Store) -> None:
    device = await register(opened, "old", "phone", user="ann", tags=["red"])
    (before,) = await rows(opened)
    assert await register(opened, "new", "phone", at=SOON) == device
    assert await opened.devices.update("app", device, {"user": "bob"}, "newer", SOON)
    (after,) = await rows(opened)
    assert (after["shard"], after["token"], after["user"], after["tags"]) == (before["shard"], "newer", "bob", ["red"])
    assert (after["first_seen"], after["registered_at"]) == (NOW, SOON)
    assert await register(opened, "newer") == device


async def test_a_token_that_was_replaced_registers_as_another_device(opened: Store) -> None:
    first = await register(opened, "one", user="carol")
    assert await opened.devices.update("app", first, {}, "two", SOON)
    second = await register(opened, "one", user="dave")
    assert second != first
    assert {row["token"]: row["user"] for row in await rows(opened)} == {"one": "dave", "two": "carol"}
    assert await register(opened, "one") == second


async def test_many_installations_that_want_one_token_at_once_end_with_one_row(opened: Store) -> None:
    wanted = [Registration("app", "v1", "apns", "t", f"phone {n}", {}) for n in range(30)]
    await asyncio.gather(*(opened.devices.register(one, NOW) for one in wanted))
    assert len(await rows(opened)) == 1


async def test_a_token_belongs_to_the_newest_registration_only(opened: Store) -> None:
    await register(opened, "t", "first phone")
    second = await register(opened, "t", "second phone")
    assert [row["_id"] for row in await rows(opened)] == [second]
    third = await register(opened, "other", "third phone")
    assert await opened.devices.update("app", third, {}, "t", SOON)
    assert [row["_id"] for row in await rows(opened)] == [third]
    await register(opened, "t", variant="v2")
    assert len(await rows(opened)) == 2


async def test_two_installations_that_swap_tokens_at_once_end_with_one_row_a_token(opened: Store) -> None:
    for _ in range(10):
        swaps = [register(opened, f"t{(n + m) % 3}", f"phone {n}") for n in range(3) for m in range(3)]
        await asyncio.gather(*swaps)
        tokens = [row["token"] for row in await rows(opened)]
        assert len(tokens) == len(set(tokens))


async def test_every_look_up_brings_what_templates_use_and_nothing_else(opened: Store) -> None:
    said: dict[str, Any] = {
        "attributes": {"name": "Ann", "a-b": 1, "other": "x" * 100},
        "locale": "de",
        "zone": "UTC",
        "tags": ["red"],
    }
    device = await register(opened, "t", user="ann", **said)
    also = {"attributes.name", "attributes.a-b", "attributes.none", "locale", "user"}
    devices = opened.devices
    ways = [
        await devices.in_range("app", "v1", WHOLE, EVERYONE, also),
        await devices.of_users("app", "v1", ["ann"], None, also),
        await devices.by_id("app", "v1", [device], also=also),
        list((await devices.by_token("app", "v1", ["t"], also)).values()),
    ]
    for (one,) in ways:
        assert (one.id, one.token, one.user) == (device, "t", "ann")
        assert one.facts is not None
        asked = {"attributes": {"name": "Ann", "a-b": 1}, "locale": "de"}
        assert dict(one.facts) == {"_id": device, "token": "t", "user": "ann", **asked}
    (plain,) = await devices.in_range("app", "v1", WHOLE, EVERYONE)
    assert plain.facts is None


async def test_a_device_goes_to_another_user_and_back_to_nobody(opened: Store) -> None:
    device = await register(opened, "t", user="ann")
    assert await opened.devices.by_id("app", "v1", [device], users=["ann"])
    await register(opened, "t", user="bob")
    assert not await opened.devices.by_id("app", "v1", [device], users=["ann"])
    assert await opened.devices.registered("app", "v1", [device]) == {device}
    assert await opened.devices.of_users("app", "v1", ["bob"], None)
    await register(opened, "t")
    assert await opened.devices.of_users("app", "v1", ["bob"], None)
    await register(opened, "t", user=None)
    assert not await opened.devices.of_users("app", "v1", ["bob"], None)


async def test_evidence_retires_a_device_unless_it_registered_again_since(opened: Store) -> None:
    dead, back, other = [await register(opened, name) for name in ("dead", "back", "other")]
    await register(opened, "back", at=SOON)
    evidence = [Finding(one, "Unregistered", NOW, SOON) for one in (dead, back)]
    assert await opened.quarantine.retire("another app", evidence, SOON) == 0
    assert await opened.quarantine.retire("app", evidence, SOON) == 1
    assert await opened.quarantine.retire("app", evidence, SOON) == 0
    assert await found(opened) == {"back", "other"}
    assert await opened.devices.registered("app", "v1", [dead, other]) == {other}
    assert await register(opened, "dead", at=SOON) == dead
    assert await found(opened) == {"back", "dead", "other"}


async def test_tags_of_a_send_hold_together(opened: Store) -> None:
    for name, tags in (("a", ["red"]), ("b", ["blue"]), ("ab", ["red", "blue"]), ("none", [])):
        await register(opened, name, tags=tags)
    await register(opened, "untagged")
    for wanted, expected in (
        (Tags(any=("red", "blue")), {"a", "b", "ab"}),
        (Tags(all=("red", "blue")), {"ab"}),
        (Tags(none=("red",)), {"b", "none", "untagged"}),
        (Tags(any=("red",), none=("blue",)), {"a"}),
        (Tags(any=("blue",), all=("red",), none=("green",)), {"ab"}),
        (Tags(any=("green",)), set()),
    ):
        audience = Audience(tags=wanted)
        assert await found(opened, audience) == expected
        assert await opened.devices.count("app", "v1", WHOLE, audience) == len(expected)
    await register(opened, "a", tags=None)
    assert await found(opened, Audience(tags=Tags(any=("red",)))) == {"ab"}


async def test_ranges_that_touch_find_every_device_once_and_no_other_tenants(opened: Store) -> None:
    for n in range(60):
        await register(opened, f"t{n}")
    await opened.devices.register(Registration("other app", "v1", "apns", "foreign", None, {}), NOW)
    bounds = [0, 1, SHARDS // 7, SHARDS // 2, SHARDS - 1, SHARDS]
    parts = [await found(opened, where=ShardRange(a, b)) for a, b in itertools.pairwise(bounds)]
    assert sum(map(len, parts)) == 60
    assert set.union(*parts) == await found(opened) == {f"t{n}" for n in range(60)}


async def test_every_look_up_of_a_send_goes_by_an_index(opened: Store) -> None:
    device = await register(opened, "t", user="ann", tags=["red"])
    await asyncio.gather(*(register(opened, f"t{n}", user=f"u{n}", tags=[f"{n % 20}"]) for n in range(300)))
    base = scan_filter("app", "v1", WHOLE, EVERYONE)
    some = ShardRange(0, SHARDS // 10)
    queries = {
        "whole": base,
        "range": scan_filter("app", "v1", some, EVERYONE),
        "any": scan_filter("app", "v1", some, Audience(tags=Tags(any=("red", "blue"))), 0),
        "all": scan_filter("app", "v1", some, Audience(tags=Tags(all=("red", "blue"))), 0),
        "none": scan_filter("app", "v1", some, Audience(tags=Tags(none=("red",)))),
        "users": {**base, "user": {"$in": ["ann", "bob"]}},
        "ids": {**base, "_id": {"$in": [device]}},
        "token": {"token_key": b"k"},
    }
    used = {name: stages(await plan_of(opened, query)) for name, query in queries.items()}
    assert not [name for name, plan in used.items() if "COLLSCAN" in plan]
    assert "user" in used["users"]
    assert "facets" in used["any"]
    assert "facets" in used["all"]
    assert "shard" in used["range"]
    assert "FETCH" not in stages(await plan_of(opened, queries["range"], {"token": 1}))  # the index is all it reads
    assert "IDHACK" in used["ids"] or "_id" in used["ids"]


async def plan_of(store: Store, query: dict[str, Any], fields: dict[str, int] | None = None) -> dict[str, Any]:
    explained = await store.database["devices"].find(query, fields).explain()
    plan: dict[str, Any] = explained["queryPlanner"]["winningPlan"]
    return plan


def stages(plan: dict[str, Any]) -> str:
    """Every stage of a plan and every index it goes by."""
    own = f"{plan.get('stage')}({', '.join(plan.get('keyPattern', {}))}) "
    inner = [plan[name] for name in ("inputStage", "queryPlan") if name in plan] + plan.get("inputStages", [])
    return own + "".join(map(stages, inner))
