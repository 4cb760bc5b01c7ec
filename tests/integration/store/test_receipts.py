"""One device's story is one read, however the send named it; receipts of a lost insert are never looked at."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from shared.flow.identity import device_id, retry_slice_id
from shared.flow.receipt import Received
from shared.flow.record import Count, Owed, Part, Record, Undelivered
from shared.flow.verdict import Fate
from shared.flow.whereabouts import receipt_of
from shared.store.connection import Store
from shared.store.receipts import Story
from tests.records import NOW

pytestmark = pytest.mark.anyio
DELIVERED, TIRED, DEAD, STRANGER = (device_id("v1", name) for name in ("delivered", "tired", "dead", "stranger"))
FIRST = "app.send.0.0/0"
SECOND = f"{retry_slice_id(FIRST, 0)}/0"


def part(member: str, delivered: Sequence[bytes], **more: object) -> Part:
    send = ".".join(member.split(".", 2)[:2])
    received = Received()
    received.add(delivered, [b"name/%d" % n for n in range(len(delivered))], NOW)
    said = {
        "member": member, "send": send, "app": "app", "variant": "v1", "platform": "fcm", "matched": 3,
        "counts": (Count(fate=Fate.DELIVERED, n=len(delivered)),), "looked_up_at": NOW,
        "receipts": received.receipts(member, send),
    }  # fmt: skip
    return Part.model_validate({**said, **more})


async def insert(store: Store, *parts: Part, by: str = "by", record: bool = True) -> None:
    kept = [one.receipts for one in parts if one.receipts]
    await store.receipts.insert(parts[0].member, by, NOW, kept)
    if record:
        await store.records.insert(Record(id=parts[0].member, by=by, at=NOW, parts=parts))


@pytest.fixture
async def told(opened: Store) -> Store:
    dead = Undelivered(device=DEAD, fate=Fate.UNREGISTERED, reason="UNREGISTERED", since=NOW)
    owed = Owed(step=0, due=NOW + timedelta(minutes=1), reason="503", devices=(TIRED,))
    other = part("app.another.0.0/0", [STRANGER])
    await insert(opened, part(FIRST, [DELIVERED], undelivered=(dead,), owed=(owed,)), other)
    await insert(opened, part(SECOND, [TIRED]))
    await insert(opened, part(FIRST, [STRANGER]), by="lost", record=False)
    await insert(opened, part("app.send.0.1/0", [device_id("v1", str(n)) for n in range(50)]))
    return opened


async def asked(store: Store, how: str, device: bytes) -> Story:
    if how == "in_chunks":
        return await store.receipts.in_chunks([FIRST])
    return await (store.receipts.in_send("app.send") if how == "in_send" else store.receipts.naming("app.send", device))


@pytest.mark.parametrize("how", ["in_chunks", "in_send", "naming"])
async def test_the_story_holds_what_names_the_device_and_no_more_than_its_send(told: Store, how: str) -> None:
    book = told.receipts
    for device, members in ((DELIVERED, {FIRST}), (TIRED, {FIRST, SECOND}), (DEAD, {FIRST})):
        story = await asked(told, how, device)
        assert members <= {one.member for one in story.parts}
        assert {one.send for one in story.parts} == {"app.send"}
        assert how == "in_send" or {one.member for one in story.parts} <= {FIRST, SECOND}
    story = await book.naming("app.send", STRANGER)
    assert receipt_of(STRANGER, story.parts, story.receipts, lambda *_: None) is None
    story = await book.in_chunks([FIRST])
    assert story.receipts[FIRST].each() == [DELIVERED]
    assert story.receipts[SECOND].each() == [TIRED]


async def test_pages_hold_all_of_a_send_once(told: Store) -> None:
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        story, after = await told.receipts.page("app.send", after, 1)
        found += [one.member for one in story.parts]
    assert sorted(found) == sorted([FIRST, SECOND, "app.send.0.1/0"])


async def test_a_record_is_read_with_its_receipts(told: Store) -> None:
    found = await told.records.read([FIRST, SECOND])
    first = next(one for one in found[FIRST] if one.member == FIRST)
    assert first.receipts is not None
    assert first.receipts.each() == [DELIVERED]
    assert first.receipts.name(0) == "name/0"


async def test_forgetting_a_send_leaves_the_others(told: Store) -> None:
    await told.receipts.forget("app.send")
    assert (await told.receipts.in_send("app.send")).receipts == {}
    assert (await told.receipts.in_send("app.another")).receipts["app.another.0.0/0"].each() == [STRANGER]


async def test_ten_million_receipts_would_take_less_than_400_mb(opened: Store) -> None:
    """Measured on 100,000 of Firebase's, with names: what the files hold, indexes and all."""
    chunks, size = 200, 500
    for chunk in range(chunks):
        received = Received()
        numbers = range(chunk * size, (chunk + 1) * size)
        names = [
            f"projects/p/messages/0:{1_700_000_000_000_000 + n * 977}%{n * 0x9E3779B97F4A7C15 % 2**64:016x}"
            for n in numbers
        ]
        received.add([device_id("v1", str(n)) for n in numbers], [name.encode() for name in names], NOW)
        member = f"app.send.0.{chunk // 10}/{chunk % 10}"
        kept = received.receipts(member, "app.send")
        assert kept is not None
        await opened.receipts.insert(member, f"{chunk:016x}", NOW, [kept])
    await opened.database.client.admin.command("fsync")
    stats = await opened.database.command({"collStats": "receipts"})
    each = (stats["storageSize"] + stats["totalIndexSize"]) / (chunks * size)
    print(f"{each:.1f} bytes a receipt")  # noqa: T201  # shown with -s
    assert each < 40, each
