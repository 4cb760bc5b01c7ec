"""Registers devices by the thousand: who is new is inserted, who is known is changed, each by one command.

Where most are new, they are inserted before anything is looked up; the rest is registered as if it had come by itself.

What collides (a token that goes from one device to another, two writers at once) is left to `Devices.register`, one by
one and as registrations do it: so a bulk means the same as its lines by themselves, the last one winning.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from shared.flow.identity import device_id, shard_of
from shared.flow.moment import whole_milliseconds
from shared.store.device_row import difference, new_row
from shared.store.devices import Devices, Registration
from shared.store.errors import only_duplicates
from shared.store.look_ups import token_key
from shared.store.updating import update_all

A_TURN: Final = 100
"""Lines that are worked on in one turn of the loop."""
SIDE_BY_SIDE: Final = 2
"""Commands at once."""
UNASKED: Final = {"platform": 0, "shard": 0, "first_seen": 0}
"""Never change."""
T = TypeVar("T")
Update = dict[str, Any]
"""A statement of the command `update`."""
FOREIGN: Final = "belongs to another app or variant"


@dataclass(slots=True)
class Done:
    """What became of a bulk; `refused` by its place in it."""

    created: int = 0
    updated: int = 0
    refused: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)  # not frozen: made for each line of an import, at half the cost
class Line:
    """One registration of a bulk, as of its own time."""

    new: Registration
    at: datetime
    first_seen: datetime | None = None


@dataclass(slots=True)
class Plan:
    """What becomes of each of a bulk's lines, by its place, as the store was when it was asked."""

    lines: Sequence[Line]
    fresh: dict[int, dict[str, Any]] = field(default_factory=dict)
    changes: dict[int, Update] = field(default_factory=dict)
    apart: list[int] = field(default_factory=list)
    """Those that are left to `Devices.register`."""
    done: Done = field(default_factory=Done)
    """What nothing is written for."""
    touched: set[bytes] = field(default_factory=set)
    """Every device, and every key of a token, that is or was in it."""


@dataclass(slots=True)  # not frozen: made for each line of an import, at half the cost
class Draft:
    """A registration as it is written if its device is new."""

    line: Line
    row: dict[str, Any]

    @property
    def keys(self) -> tuple[bytes, bytes]:
        """Which device it is, and under what its token is unique."""
        return self.row["_id"], self.row["token_key"]


def draft(line: Line) -> Draft:
    """Made before anything is known of the device."""
    new = line.new
    device = new.device or new.installed or device_id(new.variant, f"t:{new.token}")
    return Draft(line, _row(line, device, token_key(new.variant, new.token)))


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
        """What there is to write. It holds as long as nobody writes what it touches."""
        keys = [token_key(one.new.variant, one.new.token) for one in lines]
        own = [one.new.device or one.new.installed for one in lines]
        rows, by_key = await self._known(keys, [one for one in own if one is not None])
        plan, seen = Plan(lines), set[bytes]()
        for place, (line, key, named) in enumerate(zip(lines, keys, own, strict=True)):
            if place % A_TURN == 0:
                await asyncio.sleep(0)
            device = named or by_key.get(key) or device_id(line.new.variant, f"t:{line.new.token}")
            row = rows.get(device)
            if row is not None and (row["app"], row["variant"]) != (line.new.app, line.new.variant):
                plan.done.refused[place] = FOREIGN
            elif key in seen or device in seen or by_key.get(key, device) != device or (not named and _moved(row, key)):
                plan.apart.append(place)
            elif row is None:
                plan.fresh[place] = _row(line, device, key)
            elif (change := _change(line, row, key)) is not None:
                plan.changes[place] = change
            else:
                plan.done.updated += 1  # it says nothing new
            seen |= {key, device}
        plan.touched = seen.union(rows, (bytes(row["token_key"]) for row in rows.values()))
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

    async def _known(
        self, keys: Sequence[bytes], ids: Sequence[bytes]
    ) -> tuple[dict[bytes, dict[str, Any]], dict[bytes, bytes]]:
        """The rows that have one of these tokens or ids, by id; and whose each token is."""
        found = await self._those("token_key", keys)
        here = {bytes(one["_id"]) for one in found}
        if missing := [one for one in ids if one not in here]:
            found += await self._those("_id", missing)
        rows = {bytes(one["_id"]): one for one in found}
        return rows, {bytes(one["token_key"]): device for device, one in rows.items()}

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


def _moved(row: dict[str, Any] | None, key: bytes) -> bool:
    """The id that follows from the token is that of a device which has another token by now."""
    return row is not None and bytes(row["token_key"]) != key


def _row(line: Line, device: bytes, key: bytes) -> dict[str, Any]:
    new = line.new
    fixed = {
        "_id": device, "app": new.app, "variant": new.variant, "platform": new.platform, "token": new.token,
        "token_key": key, "shard": shard_of(device), "first_seen": line.first_seen or line.at,
    }  # fmt: skip
    return new_row(fixed, new.profile, line.at)


def _change(line: Line, row: Mapping[str, Any], key: bytes) -> Update | None:
    """What is other, if anything. Facets follow from those that were read, so they must be the same still."""
    fixed = {"token": line.new.token, "token_key": key}
    changed, gone = difference(row, fixed, line.new.profile, whole_milliseconds(line.at))
    if not changed and not gone:
        return None
    change: dict[str, Any] = {"$set": changed} if changed else {}
    change |= {"$unset": dict.fromkeys(gone, "")} if gone else {}
    if "facets" not in changed:
        return {"q": {"_id": row["_id"]}, "u": change}  # by nothing else: the store then makes no plan for it
    return {"q": {"_id": row["_id"], "facets": row.get("facets")}, "u": change, "hint": "_id_"}
