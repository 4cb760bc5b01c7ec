"""What is sealed: authorizations, variants' credentials, and the key ring that opens them."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.store.connection import Store, open_store
from shared.store.errors import Missing, Taken, Unsealable
from shared.store.keyring import open_keyring

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, tzinfo=UTC)
LENGTH = timedelta(seconds=15)
TIMES = {"issued_at": NOW, "refresh_at": NOW + timedelta(minutes=40), "expires_at": NOW + timedelta(hours=1)}
WORTH = "bearer worth-stealing"


async def test_an_authorization_is_shared_and_the_store_holds_it_sealed(opened: Store) -> None:
    assert await opened.authorizations.get("apns|team") is None
    await opened.authorizations.put("apns|team", WORTH, TIMES)
    assert await opened.authorizations.get("apns|team") == {"value": WORTH, **TIMES}
    raw = await opened.database["authorizations"].find_one({"_id": "apns|team"})
    assert raw is not None
    assert b"worth-stealing" not in raw["sealed"]


async def test_a_sealed_authorization_moved_to_another_name_does_not_open(opened: Store) -> None:
    await opened.authorizations.put("apns|team", WORTH, TIMES)
    raw = await opened.database["authorizations"].find_one({"_id": "apns|team"})
    assert raw is not None
    await opened.database["authorizations"].insert_one({**raw, "_id": "apns|mine"})
    with pytest.raises(Unsealable):
        await opened.authorizations.get("apns|mine")


async def test_one_process_renews_an_authorization_until_its_lease_ends(opened: Store) -> None:
    leases = await asyncio.gather(*(opened.authorizations.lease("a", f"w{n}", NOW, LENGTH) for n in range(10)))
    assert sum(leases) == 1
    owner = f"w{leases.index(True)}"
    assert await opened.authorizations.lease("a", owner, NOW, LENGTH)
    assert not await opened.authorizations.lease("a", "late", NOW + LENGTH, LENGTH)
    assert await opened.authorizations.lease("a", "late", NOW + LENGTH + timedelta(seconds=1), LENGTH)
    await opened.authorizations.put("a", WORTH, TIMES)
    assert await opened.authorizations.lease("a", "next", NOW, LENGTH)


async def test_a_variants_secrets_open_for_it_alone_and_in_its_version(opened: Store) -> None:
    settings = {"topic": "com.example", "key": "worth-stealing"}
    made = await opened.variants.create("app", "apns", "ios", settings, frozenset({"key"}), NOW)
    with pytest.raises(Taken):
        await opened.variants.create("app", "apns", "ios", settings, frozenset({"key"}), NOW)
    assert (await opened.variants.get("app", made.id)).settings == settings
    assert made.shown() == {"topic": "com.example"}
    with pytest.raises(Missing):
        await opened.variants.get("other app", made.id)
    raw = await opened.database["variants"].find_one({"_id": made.id})
    assert raw is not None
    assert b"worth-stealing" not in raw["sealed"]
    assert "worth-stealing" not in repr(made)
    await opened.database["variants"].update_one({"_id": made.id}, {"$set": {"app": "thief"}})
    with pytest.raises(Unsealable):
        await opened.variants.get("thief", made.id)


async def test_of_two_who_change_a_variant_one_does(opened: Store) -> None:
    made = await opened.variants.create("app", "apns", "ios", {"key": "1"}, frozenset({"key"}), NOW)
    newer = await opened.variants.replace(made, {"key": "2"})
    assert newer.version == 2
    with pytest.raises(Missing):
        await opened.variants.replace(made, {"key": "3"})
    assert (await opened.variants.get("app", made.id)).settings == {"key": "2"}


async def test_a_store_opened_with_another_key_ring_reads_no_secret(
    opened: Store, mongodb_url: str, database: str, tmp_path: Path
) -> None:
    await opened.authorizations.put("apns|team", WORTH, TIMES)
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "another")) as other:
        with pytest.raises(Unsealable):
            await other.authorizations.get("apns|team")


def test_processes_that_start_at_once_make_one_key_ring_that_its_user_alone_reads(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ring"
    code = f"from pathlib import Path; from shared.store.keyring import open_keyring; k = open_keyring(Path({str(path)!r})); print(k.hash_secret('x').hex())"  # noqa: E501  # one line, as -c takes it
    racing = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    printed = {one.communicate(timeout=30)[0].strip() for one in racing}
    assert printed == {open_keyring(path).hash_secret("x").hex()}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["ring"]
    path.write_text("{}")
    with pytest.raises(Unsealable):
        open_keyring(path)
