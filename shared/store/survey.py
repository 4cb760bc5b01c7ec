"""How many devices of a variant an audience has, what looking them up would examine, and which look is the cheapest.

Counted in a sample of the shard range, a larger one where that holds too few: a shard is a hash, so any part of the
range is a fair sample. What is small is counted whole.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.audience import Audience
from shared.flow.identity import SHARDS
from shared.flow.plan import CHUNK_SIZE, ShardRange
from shared.store.filtering import (
    FACETS_INDEX,
    SCAN,
    hint,
    in_service,
    looks,
    matching,
    narrowing,
    places,
    scan_filter,
)

SAMPLES: Final = (256, 16, 1)
"""The part of the shard range that is looked at is one in so many, then larger, until it holds enough devices."""
ENOUGH: Final = 400
"""Devices in a sample; the estimate is then off by some 5 %."""
NAMED_AT_ONCE: Final = 500
NAMED_AT_MOST: Final = 10_000
"""Named recipients that are looked up."""
CLOSE: Final = 20_000
"""Devices in the sample of an estimate that people read: off by less than 1 %."""
ASKED: Final = 8
"""Chunks that are asked what they look at."""
TOO_MANY: Final = 500_000
"""What would have to be examined is not, for the sake of an estimate."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """About one variant. `examined`: index entries or documents, whichever are more, that all its chunks look at.

    `apart`: of these, what they look at only because each chunk looks for every value in a part of its own.
    """

    matched: int
    examined: int
    look: int
    exact: bool
    apart: int = 0


class Survey:
    """Reads the collection `devices`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._devices = database["devices"]

    async def ensure(self) -> None:
        """The indexes are those of `devices`."""

    async def of(self, app: str, variant: str, audience: Audience, key: str, enough: int = ENOUGH) -> Surveyed:
        """What a send of this key to such an audience would find; the same key, the same sample. A sample in which
        `enough` are found will do.
        """
        look, found, share = SCAN, (0, 0), 1
        for share in SAMPLES:
            where = sample(key, share)
            if share > 1:
                look, cost = await self._cheapest(app, variant, where, audience)
            found = await self._examine(app, variant, where, audience, look)
            if found[0] >= enough or cost * share > TOO_MANY:
                break
        return Surveyed(found[0] * share, found[1] * share, look, share == 1)

    async def chunked(self, app: str, variant: str, audience: Audience, found: Surveyed) -> Surveyed:
        """The same, with what it costs that a send looks chunk by chunk: over a thousand days, each chunk looks for
        each of these days, however few devices it has of it. Some chunks are asked; one look at more does not show it.
        """
        chunks = -(-found.matched // CHUNK_SIZE)
        if found.look == SCAN or chunks < 2 or ASKED * found.examined // chunks > TOO_MANY:  # noqa: PLR2004  # one is all
            return found
        asked = range(0, chunks, -(-chunks // ASKED))
        parts = [ShardRange(SHARDS * n // chunks, SHARDS * (n + 1) // chunks) for n in asked]
        seen = [(await self._examine(app, variant, part, audience, found.look))[1] for part in parts]
        apart = max(0, sum(seen) * chunks // len(seen) - found.examined)
        return replace(found, examined=found.examined + apart, apart=apart)

    async def named(self, app: str, variant: str, audience: Audience) -> Surveyed:
        """The same for an audience that names users or devices: of very many, the first."""
        names, field = audience.users or audience.devices or (), "user" if audience.users else "_id"
        looked_at, matched, examined = names[:NAMED_AT_MOST], 0, 0
        for start in range(0, len(looked_at), NAMED_AT_ONCE):
            some = looked_at[start : start + NAMED_AT_ONCE]
            values = list(some) if audience.users else [bytes.fromhex(one) for one in some]
            query = {**in_service(app, variant), field: {"$in": values}, **matching(audience)}
            found = await self._explained({"filter": query} | ({} if audience.users else {"hint": "_id_"}))
            matched, examined = matched + found[0], examined + found[1]
        share = len(names) / len(looked_at)
        return Surveyed(round(matched * share), round(examined * share), SCAN, exact=share == 1)

    async def _cheapest(self, app: str, variant: str, where: ShardRange, audience: Audience) -> tuple[int, int]:
        """The look, or none, that examines the fewest here, and how many those are."""
        shard = {"shard": {"$gte": where.low, "$lt": where.high}}
        everyone = {"app": app, "variant": variant, "live": True, **shard}
        costs = {SCAN: await self._devices.count_documents(everyone)}
        if narrowing(audience) is not None and costs[SCAN]:
            for number, look in enumerate(looks(audience)):
                within = {"$or": places(look, variant, shard)}
                costs[number] = await self._devices.count_documents(within, hint=FACETS_INDEX, limit=costs[SCAN])
        best = min(costs, key=lambda one: (costs[one], one))
        return best, costs[best]

    async def _examine(
        self, app: str, variant: str, where: ShardRange, audience: Audience, look: int
    ) -> tuple[int, int]:
        """How many are found, and how many looked at, as the store itself says."""
        by = hint(audience, look)
        query = {"filter": scan_filter(app, variant, where, audience, look)}
        return await self._explained(query | ({"hint": dict(by)} if by else {}))

    async def _explained(self, query: dict[str, Any]) -> tuple[int, int]:
        find = {"find": "devices", **query, "projection": {"token": 1}}
        said = await self._database.command("explain", find, verbosity="executionStats")
        stats = said["executionStats"]
        return stats["nReturned"], max(stats["totalKeysExamined"], stats["totalDocsExamined"])


def sample(key: str, share: int) -> ShardRange:
    """One part in `share` of the shard range, at a place that follows from the send's key."""
    width = SHARDS // share
    place = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") % share
    return ShardRange(place * width, (place + 1) * width)
