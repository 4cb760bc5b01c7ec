"""`python -m tests.bench.filters 1000000`: what the store looks at for every kind of filter, as a table for the docs.

A store of its own with so many devices, made at random by a fixed seed; ended and removed afterwards.
"""

import asyncio
import json
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient, WriteConcern

from services.cli.local.mongod import LocalStore
from shared.estimating import why_many
from shared.flow.identity import SHARDS
from shared.flow.plan import ShardRange, cut_range
from shared.store.connection import Store, open_store
from shared.store.devices import Devices
from shared.store.keyring import open_keyring
from shared.store.survey import CLOSE, Surveyed
from tests.bench.figures import FOLDER, MeasureError
from tests.integration.store.test_filters import KINDS, audience_of, row, someone, stages_of

NAME: Final = "filters"
BATCH: Final = 10_000
MORE: Final[dict[str, dict[str, Any]]] = {
    "one user": {"field": "user", "eq": "u77"},
    "few fit both": {"and": [KINDS["language"], {"field": "attributes.age", "gte": 79}, KINDS["recent"]]},
}
"""Where more than 3 are looked at for one that fits, and the estimate says why."""


def main() -> None:
    """Prints the table."""
    count, folder = int(sys.argv[1]), FOLDER / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    store = LocalStore(folder / "mongodb", 2)
    store.start()
    try:
        _filled(store.url, count)
        print("| filter | fit | chunk: found | looked at | each | ms | estimate: looked at each |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        asyncio.run(_told(store.url, folder))
    finally:
        store.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _filled(url: str, count: int) -> None:
    rng, began = random.Random(7), time.monotonic()  # a crowd, not a secret
    with MongoClient[dict[str, Any]](url, tz_aware=True) as client:
        devices = client[NAME].get_collection("devices", write_concern=WriteConcern(w=1, j=False))
        for batch in _batches(count, rng):
            devices.insert_many(batch, ordered=False)
        devices.create_indexes(list(Devices.INDEXES))
    print(f"{count:,} devices in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _batches(count: int, rng: random.Random) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, count, BATCH):
        yield [row(number, someone(number, rng)) for number in range(start, min(count, start + BATCH))]


async def _told(url: str, folder: Path) -> None:
    async with open_store(url, NAME, open_keyring(folder / "keyring")) as store:
        for kind, filter_ in (KINDS | MORE).items():
            print(await _line(store, kind, filter_), flush=True)


async def _line(store: Store, kind: str, filter_: dict[str, Any]) -> str:
    audience = audience_of(filter_)
    surveyed = await store.survey.of("app", "v1", audience, "key", CLOSE)
    surveyed = await store.survey.chunked("app", "v1", audience, surveyed)
    _, chunks = cut_range(max(surveyed.matched, 1))
    width = SHARDS // sum(chunks)
    plan, stats = await stages_of(store, audience, surveyed, ShardRange(SHARDS // 3, SHARDS // 3 + width))
    if "COLLSCAN" in plan:
        raise MeasureError(f"{kind} scans the collection: {plan}")
    looked = max(stats["totalKeysExamined"], stats["totalDocsExamined"])
    text = f"{kind}: `{json.dumps(filter_)}`"
    each, ms = looked / max(1, stats["nReturned"]), stats["executionTimeMillis"]
    return (
        f"| {text} | {surveyed.matched:,} | {stats['nReturned']:,} | {looked:,} | {each:.2f} | {ms} "
        f"| {_estimate(surveyed, audience)} |"
    )


def _estimate(surveyed: Surveyed, audience: Any) -> str:
    each = f"{surveyed.examined / max(1, surveyed.matched):,.2f}"
    why = why_many(surveyed, audience)
    return f"{each}: {why}" if why else each


if __name__ == "__main__":
    main()
