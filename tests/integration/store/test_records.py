"""Records: a chunk is closed once, whoever tries, alone or in a bundle."""

import asyncio
import secrets

import pytest
from pymongo.errors import DuplicateKeyError

from shared.flow.record import Count, Owed, Part, Record
from shared.flow.verdict import Fate
from shared.store.connection import Store
from shared.store.errors import Lost
from tests.records import NOW

pytestmark = pytest.mark.anyio


def record(*members: str, n: int = 1, by: str = "") -> Record:
    parts = tuple(
        Part(
            member=member, send=member.rsplit(".", 2)[0], app="app", variant="v1", platform="apns", matched=n,
            counts=(Count(fate=Fate.DELIVERED, n=n),), looked_up_at=NOW,
        )
        for member in members
    )  # fmt: skip
    return Record(id=members[0], by=by or secrets.token_hex(4), at=NOW, parts=parts)


async def test_the_first_insert_wins_and_the_second_is_told_which_members_it_lost(opened: Store) -> None:
    await opened.records.insert(record("app.s1.0.0/0", n=1))
    with pytest.raises(Lost) as lost:
        await opened.records.insert(record("app.s1.0.0/0", n=2))
    assert lost.value.members == {"app.s1.0.0/0"}
    part = await opened.records.part("app.s1.0.0/0")
    assert part is not None
    assert part.matched == 1


async def test_an_insert_that_is_repeated_knows_itself(opened: Store) -> None:
    for _ in range(2):
        await opened.records.insert(record("app.s1.0.0/0", "app.s2.0.0/0", by="me"))
    with pytest.raises(Lost):
        await opened.records.insert(record("app.s1.0.0/0", by="somebody else"))


async def test_a_member_is_in_one_record_only_be_it_a_bundle_or_a_single(opened: Store) -> None:
    one, two, three = (f"app.s{n}.0.0/0" for n in range(3))
    await opened.records.insert(record(one, two))
    with pytest.raises(Lost) as single:
        await opened.records.insert(record(two))
    assert single.value.members == {two}
    with pytest.raises(Lost) as bundle:
        await opened.records.insert(record(three, two))
    assert bundle.value.members == {two}
    assert await opened.records.closed([one, two, three]) == {one, two}
    await opened.records.insert(record(three))
    assert set(await opened.records.parts([one, three])) == {one, three}


async def test_of_many_who_close_a_chunk_at_once_one_does(opened: Store) -> None:
    async def close(n: int) -> bool:
        try:
            await opened.records.insert(record("app.s1.0.0/0", f"app.s1.0.{n}/0"))
        except Lost:
            return False
        return True

    assert sum(await asyncio.gather(*map(close, range(1, 20)))) == 1
    assert len(await opened.records.recorded_members("app.s1")) == 2


async def test_what_is_read_of_a_send_is_that_sends_alone(opened: Store) -> None:
    await opened.records.insert(record("app.s1.0.0/0", "app.s10.0.0/0"))
    assert await opened.records.recorded_members("app.s1") == {"app.s1.0.0/0"}
    assert [part.member for part in await opened.records.of_send("app.s1")] == ["app.s1.0.0/0"]
    assert (await opened.records.sum("app.s10")).chunks == 1
    assert await opened.records.debts("app.s1") == []


async def test_a_part_comes_back_as_it_was_with_its_lists(opened: Store) -> None:
    owed = Owed(step=0, due=NOW, reason="503", devices=(b"a" * 12, b"b" * 12))
    part = record("app.s1.0.0/0", n=1).parts[0].model_copy(update={"owed": (owed,), "matched": 3})
    await opened.records.insert(Record(id=part.member, by="me", at=NOW, parts=(part,)))
    assert await opened.records.part(part.member) == part
    assert [one.owed[0].devices for one in await opened.records.of_send("app.s1")] == [()]


async def test_two_records_never_share_a_member_whatever_writes_them(opened: Store) -> None:
    raw = opened.database["records"]
    await raw.insert_one({"_id": "x", "members": ["m"], "sends": []})
    with pytest.raises(DuplicateKeyError):
        await raw.insert_one({"_id": "y", "members": ["l", "m"], "sends": []})
