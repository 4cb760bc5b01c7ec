"""Decides what of a bulk is inserted, what changed, and what is left to be registered by itself. Pure.

A bulk means the same as its lines one after the other: of two that mean the same device or token, only the first is
decided here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from shared.flow.identity import device_id, shard_of
from shared.flow.moment import whole_milliseconds
from shared.store.device_row import difference, new_row
from shared.store.devices import Registration
from shared.store.look_ups import token_key

FOREIGN: Final = "belongs to another app or variant"
Row = Mapping[str, Any]
Update = dict[str, Any]
"""A statement of the command `update`."""


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

    @property
    def key(self) -> bytes:
        """Under what its token is unique."""
        return token_key(self.new.variant, self.new.token)

    @property
    def named(self) -> bytes | None:
        """The device that it says it is, if it does."""
        return self.new.device or self.new.installed

    @property
    def by_token(self) -> bytes:
        """The device that it is if it is new and does not say which."""
        return device_id(self.new.variant, f"t:{self.new.token}")


@dataclass(slots=True)
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
    return Draft(line, _row(line, line.named or line.by_token, line.key))


class Plan:
    """What becomes of each of a bulk's lines, by its place, as the store was when it was asked."""

    def __init__(self, lines: Sequence[Line], rows: Mapping[bytes, Row]) -> None:
        """`rows`: those that the store has of these devices and tokens, by id."""
        self.lines = lines
        self._rows = rows
        self._owners = {bytes(row["token_key"]): device for device, row in rows.items()}
        self._seen: set[bytes] = set()
        self.fresh: dict[int, dict[str, Any]] = {}
        self.changes: dict[int, Update] = {}
        self.apart: list[int] = []
        """Those that are left to `Devices.register`."""
        self.done = Done()
        """What nothing is written for."""

    def decide(self, place: int, key: bytes, named: bytes | None) -> None:
        """Each place once, in order; with what the line's properties of these names say."""
        line = self.lines[place]
        device = named or self._owners.get(key) or line.by_token
        row = self._rows.get(device)
        if row is not None and (row["app"], row["variant"]) != (line.new.app, line.new.variant):
            self.done.refused[place] = FOREIGN
        elif not self._seen.isdisjoint((key, device)) or self._owners.get(key, device) != device:
            self.apart.append(place)
        elif row is not None and named is None and bytes(row["token_key"]) != key:
            self.apart.append(place)  # the id that follows from the token is of a device which has another by now
        elif row is None:
            self.fresh[place] = _row(line, device, key)
        elif (change := _change(line, row, key)) is not None:
            self.changes[place] = change
        else:
            self.done.updated += 1  # it says nothing new
        self._seen |= {key, device}

    def touched(self) -> set[bytes]:
        """Every device, and every key of a token, that is or was in it: it holds as long as nobody writes those."""
        return self._seen.union(self._rows, self._owners)


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
