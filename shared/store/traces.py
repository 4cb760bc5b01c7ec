"""Traces of a user in what is kept of sends: names in sends and lists, ids of devices in records and receipts.

A device's id is replaced by one that belongs to nobody, so that every count and every debt still fits.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from bson.binary import Binary
from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.receipt import TEXT, b64
from shared.store.lists import personal


class Traces:
    """The collections `records`, `receipts`, `lists`, `interactions` and `outbox`, as an erasure goes through them."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database

    async def ensure(self) -> None:
        """Uses the indexes of others: everything of an app lies together by its sends' keys."""

    async def replace(self, app: str, devices: Mapping[bytes, bytes]) -> None:
        """Replaces ids of devices everywhere; safe to repeat."""
        for old, new in devices.items():
            await self._in_records(app, old, new)
            await self._in_receipts(app, old, new)
            evidence = self._database["hygiene_evidence"]
            await evidence.update_many({"_id": _of(app), "devices": Binary(old)}, {"$pull": {"devices": Binary(old)}})
        await self._database["interactions"].delete_many(
            {"send": _of(app), "device": {"$in": [Binary(one) for one in devices]}}
        )
        await self._in_outbox(app, [one.hex() for one in devices])

    async def _in_records(self, app: str, old: bytes, new: bytes) -> None:
        records, its = self._database["records"], Binary(old)
        await records.update_many(
            {"sends": _of(app), "parts.undelivered.device": its},
            {"$set": {"parts.$[].undelivered.$[one].device": Binary(new)}},
            array_filters=[{"one.device": its}],
        )
        await records.update_many(
            {"sends": _of(app), "parts.owed.devices": its},
            {"$set": {"parts.$[].owed.$[].devices.$[one]": Binary(new)}},
            array_filters=[{"one": its}],
        )

    async def _in_receipts(self, app: str, old: bytes, new: bytes) -> None:
        receipts, text = self._database["receipts"], b64(old)
        where = {"sends": _of(app), "parts.devices": {"$regex": re.escape(text)}}
        async for found in receipts.find(where, {"parts.devices": 1}):
            change = {
                f"parts.{n}.devices": _swapped(part["devices"], text, b64(new)) for n, part in enumerate(found["parts"])
            }
            await receipts.update_one({"_id": found["_id"]}, {"$set": change})

    async def unlist(self, app: str, names: list[str], nobody: str) -> None:
        """Replaces names in stored lists of recipients; positions stay."""
        await self._database["lists"].update_many(
            {"_id": _of(app), "values": {"$in": names}},
            {"$set": {"values.$[one]": nobody}},
            array_filters=[{"one": {"$in": names}}],
        )

    async def unlist_values(self, app: str, user: str, nobody: str) -> None:
        """The same where a list holds values of each user's own."""
        entry = {"$regex": personal(user)}
        await self._database["lists"].update_many(
            {"_id": _of(app), "values": entry},
            {"$set": {"values.$[one]": json.dumps([nobody, {}])}},
            array_filters=[{"one": entry}],
        )

    async def _in_outbox(self, app: str, devices: list[str]) -> None:
        """What was told to webhooks about these devices."""
        outbox = self._database["outbox"]
        async for found in outbox.find({"app": app, "kind": "device.retired"}, {"data": 1}):
            data = bytes(found["data"])
            if any(one.encode() in data for one in devices):
                left = _without(json.loads(data), devices)
                if left["devices"]:  # who stays is told of
                    await outbox.update_one({"_id": found["_id"]}, {"$set": {"data": json.dumps(left).encode()}})
                else:
                    await outbox.delete_one({"_id": found["_id"]})


def _of(app: str) -> dict[str, str]:
    """Keys that start with the app."""
    return {"$gte": f"{app}.", "$lt": f"{app}/"}


def _without(retired: dict[str, Any], devices: list[str]) -> dict[str, Any]:
    return retired | {"devices": [one for one in retired["devices"] if one["device"] not in devices]}


def _swapped(devices: str, old: str, new: str) -> str:
    """At whole places only."""
    each = [devices[n : n + TEXT] for n in range(0, len(devices), TEXT)]
    return "".join(new if one == old else one for one in each)
