"""Registers devices by the thousand: who is new is inserted, who is known is changed, each by one command.

Where most are new, they are inserted before anything is looked up; the rest is registered as if it had come by itself.

What collides (a token that goes from one device to another, two writers at once) is left to `Devices.register`, one by
one and as registrations do it: so a bulk means the same as its lines by themselves, the last one winning.
"""

import asyncio
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeVar

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from shared.store.bulk_plan import Done, Draft, Line, Plan, Update
from shared.store.devices import Devices
from shared.store.errors import only_duplicates
from shared.store.updating import update_all

A_TURN: Final = 100
"""Lines that are worked on in one turn of the loop."""
SIDE_BY_SIDE: Final = 2
"""Commands at once."""
UNASKED: Final = {"platform": 0, "shard": 0, "first_seen": 0}
"""Never change."""
T = TypeVar("T")


class Bulk:
    """Writes the collection `devices`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], devices: Devices) -> None:
        self._database = database
        self._devices = database["devices"]
        self._registry = devices

    async def ensure(self) -> None:
        """The indexes are those of `devices`."""

    async def insert(self, drafts: Sequence[Draft], others: AbstractSet[bytes] = frozenset()) -> list[int]:
        """Inserts each whose device and token neither the store has, nor another of these, nor `others`.

        Returns the places of the rest, in order: they are left to `register`, before or after which these may be done.
        """
        fresh: dict[int, dict[str, Any]] = {}
        seen = set(others)
        for place, one in enumerate(drafts):
            if seen.isdisjoint(one.keys):
                fresh[place] = one.row
            seen.update(one.keys)
        rest = set(range(len(drafts))) - fresh.keys()
        for collided in await asyncio.gather(*map(self._insert, _dealt(fresh, lambda row: row["shard"]))):
            rest.update(collided)
        return sorted(rest)

    async def register(self, lines: Sequence[Line]) -> Done:
        """All of them, of one app; the last of those that mean the same device or token wins."""
        return await self.carry_out(await self.plan(lines))

    async def plan(self, lines: Sequence[Line]) -> Plan:
        """What there is to write, as the store is now."""
        keys = [one.key for one in lines]
        named = [one.named for one in lines]
        plan = Plan(lines, await self._known(keys, [one for one in named if one is not None]))
        for place, (key, device) in enumerate(zip(keys, named, strict=True)):
            if place % A_TURN == 0:
                await asyncio.sleep(0)
            plan.decide(place, key, device)
        return plan

    async def carry_out(self, plan: Plan) -> Done:
        """Writes it, once."""
        done, lines = plan.done, plan.lines
        work = [self._insert(some) for some in _dealt(plan.fresh, lambda row: row["shard"])]
        work += [self._update(some) for some in _dealt(plan.changes, lambda change: bytes(change["q"]["_id"]))]
        failed = set(plan.apart)
        for collided in await asyncio.gather(*work):
            failed.update(collided)
        done.created += len(plan.fresh.keys() - failed)
        done.updated += len(plan.changes.keys() - failed)
        for place in sorted(failed):
            _, created = await self._registry.register(lines[place].new, lines[place].at)
            done.created, done.updated = done.created + created, done.updated + (not created)
        return done

    async def _known(self, keys: Sequence[bytes], ids: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        """The rows that have one of these tokens or ids, by id."""
        found = await self._those("token_key", keys)
        here = {bytes(one["_id"]) for one in found}
        if missing := [one for one in ids if one not in here]:
            found += await self._those("_id", missing)
        return {bytes(one["_id"]): one for one in found}

    async def _those(self, field: str, values: Sequence[bytes]) -> list[dict[str, Any]]:
        half = -(-len(values) // SIDE_BY_SIDE) or 1
        some = [values[start : start + half] for start in range(0, len(values), half)]
        found = [self._devices.find({field: {"$in": one}}, UNASKED, batch_size=5000).to_list(None) for one in some]
        return [one for each in await asyncio.gather(*found) for one in each]

    async def _insert(self, fresh: dict[int, dict[str, Any]]) -> list[int]:
        """The places of those that were there all the same."""
        if not fresh:
            return []
        places = list(fresh)
        try:
            await self._devices.insert_many(fresh.values(), ordered=False)
        except BulkWriteError as error:
            return _collided(error, places)
        return []

    async def _update(self, changes: dict[int, Update]) -> list[int]:
        """The same; if one of them is not any more what was read, all: which one it was is not told."""
        if not changes:
            return []
        places = list(changes)
        done = await update_all(self._database, "devices", list(changes.values()))
        if done.matched + len(done.duplicates) < len(places):
            return places
        return [places[one] for one in done.duplicates]


def _dealt(work: dict[int, T], by: Callable[[T], Any]) -> list[dict[int, T]]:
    """In portions, for the store works a command on one core; none of them touches what another does.

    In the order in which the indexes have them: what lies side by side is written for two thirds of the CPU time that
    the same rows take in any order (measured with 5,000 at a time: 49 µs a row against 72).
    """
    items = sorted(work.items(), key=lambda item: by(item[1]))
    size = -(-len(items) // SIDE_BY_SIDE)
    return [dict(items[n * size : (n + 1) * size]) for n in range(SIDE_BY_SIDE)]


def _collided(error: BulkWriteError, places: Sequence[int]) -> list[int]:
    if not only_duplicates(error):
        raise error
    return [places[one["index"]] for one in (error.details or {}).get("writeErrors", ())]
