"""The store adds records up to the same sum as folding them does, whatever fates they hold."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.flow.record import Part, Record
from shared.flow.report import fold
from shared.store.connection import open_store
from shared.store.keyring import open_keyring
from tests.records import everything

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", range(4))
async def test_the_stores_sum_is_the_fold(mongodb_url: str, database: str, tmp_path: Path, seed: int) -> None:
    parts = everything([3 + seed, 5], seed)
    alien = [
        one.model_copy(update={"send": "app.other", "member": one.member.replace("send", "other")}) for one in parts
    ]
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "ring")) as store:
        await store.records.ensure()
        for bundle in bundles([*parts, *alien], random.Random(seed)):
            await store.records.insert(
                Record(id=bundle[0].member, by="test", at=datetime.now(UTC), parts=tuple(bundle))
            )
        assert await store.records.sum("app.send") == fold(parts)
        assert await store.records.sum("app.nothing") == fold([])


def bundles(parts: list[Part], rng: random.Random) -> list[list[Part]]:
    """Records of one to four chunks, of both sends together."""
    rng.shuffle(parts)
    found = []
    while parts:
        size = rng.randint(1, 4)
        found.append(parts[:size])
        del parts[:size]
    return found
