"""Parked variants: nothing but a probe is sent for one until it is found to work again, or is changed.

{_id: variant, app, version, reason, since, probe_at, probes}. It says something about that version of the variant only:
new settings make it void, also where it is still stored.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError


@dataclass(frozen=True, slots=True)
class Parked:
    """Why and since when a variant is parked, and when the next notification may be tried."""

    variant: str
    app: str
    version: int
    reason: str
    since: datetime
    probe_at: datetime
    probes: int = 0


class Parking:
    """The collection `parked`; it has as many documents as there are variants in trouble."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._parked = database["parked"]

    async def ensure(self) -> None:
        """Needs no index beside its key."""

    async def of(self, variants: Iterable[str]) -> dict[str, Parked]:
        """Those of these variants for which something is stored; whether it still holds, their versions say."""
        found = self._parked.find({"_id": {"$in": list(variants)}})
        return {one["_id"]: _parked(one) for one in await found.to_list(None)}

    async def park(self, parked: Parked) -> bool:
        """Whether it was ours to park: nobody had, or only for an older version."""
        document = {
            "app": parked.app, "version": parked.version, "reason": parked.reason, "since": parked.since,
            "probe_at": parked.probe_at, "probes": 0,
        }  # fmt: skip
        try:
            done = await self._parked.update_one(
                {"_id": parked.variant, "version": {"$lt": parked.version}}, {"$set": document}, upsert=True
            )
        except DuplicateKeyError:
            return False
        return done.modified_count == 1 or done.upserted_id is not None

    async def take_probe(self, parked: Parked, next_at: datetime) -> bool:
        """Whether the probe that is due is ours; the next one is then."""
        mine = {"_id": parked.variant, "version": parked.version, "probes": parked.probes}
        done = await self._parked.update_one(mine, {"$set": {"probe_at": next_at}, "$inc": {"probes": 1}})
        return done.modified_count == 1

    async def put_off(self, parked: Parked, at: datetime) -> None:
        """The next probe is not before then."""
        one = {"_id": parked.variant, "version": parked.version}
        await self._parked.update_one(one, {"$max": {"probe_at": at}})

    async def resume(self, app: str, variant: str, version: int | None = None) -> bool:
        """Whether the variant was parked; it is no more. `version`: only if it was parked for this one or an older."""
        one: dict[str, Any] = {"_id": variant, "app": app}
        if version is not None:
            one["version"] = {"$lte": version}
        return (await self._parked.delete_one(one)).deleted_count == 1


def _parked(found: dict[str, Any]) -> Parked:
    return Parked(
        found["_id"], found["app"], found["version"], found["reason"], found["since"], found["probe_at"],
        found["probes"],
    )  # fmt: skip
