"""Devices under suspicion and devices out of service: marks on the registry's rows, set and lifted on evidence.

{quarantine: {at, reason, since, seen, window, condemned}, retired: {at, reason, since}, restored_at,
 untold: when it went, until webhooks are owed that}

In quarantine a device is still served. `condemned` means: judged, and waiting for the cap to let it go. A registration
lifts both marks; a restoration outlives every finding that was seen before it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.hygiene import Finding
from shared.flow.identity import SHARDS

SAMPLES: Final = (256, 16)
"""The part of the shard range that is counted is one in so many, then larger, until it holds enough devices."""
ENOUGH: Final = 400


class Quarantine:
    """The collection `devices`, as hygiene sees it."""

    INDEXES: Final = (
        IndexModel(
            [("quarantine.condemned", 1), ("variant", 1), ("quarantine.window", 1)],
            partialFilterExpression={"quarantine.condemned": {"$exists": True}},
        ),
        IndexModel([("variant", 1), ("untold", 1)], partialFilterExpression={"untold": {"$exists": True}}),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._devices = database["devices"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._devices.create_indexes(list(self.INDEXES))

    async def standing(self, app: str, findings: Sequence[Finding]) -> list[Finding]:
        """Those that hold now, against devices in service that are not condemned already."""
        wanted = {"_id": {"$in": [one.device for one in findings]}, "app": app, "retired": None}
        fields = {"registered_at": 1, "restored_at": 1, "quarantine.condemned": 1}
        found = {bytes(one["_id"]): one async for one in self._devices.find(wanted, fields)}
        newest = {one.device: one for one in sorted(findings, key=lambda one: one.dead_at)}
        return [one for device, one in newest.items() if device in found and _holds(one, found[device])]

    async def retire(self, app: str, findings: Iterable[Finding], now: datetime, *, untold: bool = False) -> int:
        """Takes devices out of service softly where the finding holds; returns how many went."""
        mark = {"untold": now} if untold else {}
        return await self._write(
            app, findings, {},
            lambda one: {
                "$set": {"live": False, "retired": {"at": now, "reason": one.reason, "since": one.dead_at}, **mark},
                "$unset": {"quarantine": ""},
            },
        )  # fmt: skip

    async def next_untold(self, after: str) -> tuple[str, str] | None:
        """App and variant, the next in the order of variants, with devices that went and that nobody was told of."""
        where = {"untold": {"$exists": True}, "variant": {"$gt": after}}
        found = await self._devices.find_one(where, {"app": 1, "variant": 1}, sort=[("variant", 1)])
        return (found["app"], found["variant"]) if found else None

    async def untold(self, app: str, variant: str, most: int) -> list[tuple[datetime, Finding]]:
        """Some of a variant's devices that nobody was told of, with the time at which they went, in that order."""
        where = {"untold": {"$exists": True}, "variant": variant, "app": app}
        found = self._devices.find(where, {"untold": 1, "retired": 1}, limit=most).sort([("untold", 1), ("_id", 1)])
        return [
            (
                one["untold"],
                Finding(bytes(one["_id"]), mark.get("reason", ""), mark.get("since", one["untold"]), one["untold"]),
            )
            for one in await found.to_list(None)
            for mark in [one.get("retired") or {}]
        ]

    async def told(self, app: str, devices: Sequence[bytes]) -> None:
        """Webhooks are owed that these went; or they have come back by now."""
        await self._devices.update_many({"_id": {"$in": list(devices)}, "app": app}, {"$unset": {"untold": ""}})

    async def gone(self, app: str, devices: Sequence[bytes]) -> set[bytes]:
        """Which of these are out of service."""
        where = {"_id": {"$in": list(devices)}, "app": app, "retired": {"$ne": None}}
        return {bytes(one["_id"]) async for one in self._devices.find(where, {"_id": 1})}

    async def hold(
        self, app: str, findings: Iterable[Finding], window: str, now: datetime, *, condemned: bool = False
    ) -> int:
        """Puts devices in quarantine where the finding holds; returns how many. Who is in it already stays as he is,
        unless he is condemned now.
        """
        free = {"quarantine.condemned": {"$ne": True}} if condemned else {"quarantine": None}
        return await self._write(
            app, findings, free,
            lambda one: {
                "$set": {
                    "quarantine": {
                        "at": now, "reason": one.reason, "since": one.dead_at, "seen": one.seen_at,
                        "window": window, "condemned": condemned,
                    }
                }
            },
        )  # fmt: skip

    async def _write(self, app: str, findings: Iterable[Finding], more: dict[str, Any], change: Any) -> int:
        operations = [
            UpdateOne(
                {
                    "_id": one.device, "app": app, "retired": None, "registered_at": {"$lte": one.dead_at},
                    "$or": [{"restored_at": None}, {"restored_at": {"$lt": one.seen_at}}], **more,
                },
                change(one),
            )
            for one in findings
        ]  # fmt: skip
        if not operations:
            return 0
        return (await self._devices.bulk_write(operations, ordered=False)).modified_count

    async def condemn(self, variant: str, window: str) -> int:
        """The window was judged: its suspects are to go."""
        where = {"quarantine.condemned": False, "variant": variant, "quarantine.window": window}
        return (await self._devices.update_many(where, {"$set": {"quarantine.condemned": True}})).modified_count

    async def release(self, variant: str, window: str) -> Counter[str]:
        """The window proves nothing: whom it holds goes free, the condemned too; how many, by reason."""
        where = {
            "quarantine.condemned": {"$in": [False, True]}, "variant": variant, "quarantine.window": window
        }  # fmt: skip
        released: Counter[str] = Counter()
        for reason in await self._devices.distinct("quarantine.reason", where):
            some = {**where, "quarantine.reason": reason}
            done = await self._devices.update_many(some, {"$unset": {"quarantine": ""}})
            released[reason] += done.modified_count
        return released

    async def next_condemned(self, after: str) -> tuple[str, str] | None:
        """App and variant, the next in the order of variants, with devices that wait to go."""
        where = {"quarantine.condemned": True, "variant": {"$gt": after}}
        found = await self._devices.find_one(where, {"app": 1, "variant": 1}, sort=[("variant", 1)])
        return (found["app"], found["variant"]) if found else None

    async def condemned(self, app: str, variant: str, most: int) -> list[Finding]:
        """Some of the devices of a variant that wait to go, with the evidence against them."""
        where = {"quarantine.condemned": True, "variant": variant, "app": app}
        found = await self._devices.find(where, {"quarantine": 1}, limit=most).to_list(None)
        return [
            Finding(bytes(one["_id"]), said["reason"], said["since"], said["seen"])
            for one in found
            if (said := one["quarantine"])
        ]

    async def pardon(self, app: str, findings: Iterable[Finding]) -> int:
        """Whom a finding no longer holds against leaves quarantine."""
        ids = [one.device for one in findings]
        where = {"_id": {"$in": ids}, "app": app, "retired": None, "quarantine": {"$exists": True}}
        return (await self._devices.update_many(where, {"$unset": {"quarantine": ""}})).modified_count

    async def population(self, app: str, variant: str) -> int:
        """About how many devices of a variant are in service, from counting a sample of the shard range."""
        base = {"app": app, "variant": variant, "live": True}
        for share in SAMPLES:
            counted = await self._devices.count_documents({**base, "shard": {"$gte": 0, "$lt": SHARDS // share}})
            if counted >= ENOUGH:
                return counted * share
        return await self._devices.count_documents(base)


def _holds(finding: Finding, device: Mapping[str, Any]) -> bool:
    """As the query says it when it is acted upon."""
    restored = device.get("restored_at")
    free = not (device.get("quarantine") or {}).get("condemned")
    return free and device["registered_at"] <= finding.dead_at and (restored is None or restored < finding.seen_at)
