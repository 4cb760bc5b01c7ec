"""Receipts of what was delivered, a document beside each record of sends that ask for all; and one device's story.

{_id: record|by, record, by, at, sends: [...], parts: [{member, send, devices: base 64, runs: [[n, at]], names}]}
Written before the record of the same `by`: where there is the record, there are its receipts. Those of an insert that
was lost are never looked at. Text, so that the store itself finds a device among those of a list.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bson.binary import Binary
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern

from shared.flow.receipt import Receipts, b64
from shared.flow.record import Part

KEPT: Final = {
    "$lookup": {"from": "receipts", "localField": "key", "foreignField": "_id", "as": "beside"},
}
ZSTD: Final = {"wiredTiger": {"configString": "block_compressor=zstd"}}
NAMESPACE_EXISTS: Final = 48
KEY: Final = {"$addFields": {"key": {"$concat": ["$_id", "|", "$by"]}}}


@dataclass(frozen=True, slots=True)
class Story:
    """What the store knows of one device in one send: the chunks that may name it, and the receipts beside them."""

    parts: Sequence[Part]
    receipts: Mapping[str, Receipts] = field(default_factory=dict)
    """By member."""


class ReceiptBook:
    """The collection `receipts`, and `records` as far as they are the other half of it."""

    INDEXES: Final = (IndexModel([("sends", 1)]),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._receipts = database["receipts"]
        self._records = database["records"].with_options(read_concern=ReadConcern("majority"))

    async def ensure(self) -> None:
        """Makes the collection, whose text zstd takes to three quarters and snappy leaves as it is; its index."""
        try:
            await self._database.create_collection(self._receipts.name, storageEngine=ZSTD)
        except CollectionInvalid:
            pass
        except OperationFailure as error:
            if error.code != NAMESPACE_EXISTS:
                raise
        await self._receipts.create_indexes(list(self.INDEXES))

    async def insert(self, record: str, by: str, at: datetime, receipts: Iterable[Receipts]) -> None:
        """Before the record itself; may be repeated."""
        parts = [
            {"member": one.member, "send": one.send, "devices": one.devices, "runs": one.runs, "names": one.names}
            for one in receipts
        ]
        sends = sorted({str(part["send"]) for part in parts})
        document = {"_id": f"{record}|{by}", "record": record, "by": by, "at": at, "sends": sends, "parts": parts}
        try:
            await self._receipts.insert_one(document)
        except DuplicateKeyError:
            return

    async def in_chunks(self, members: Sequence[str]) -> Story:
        """What is known of these chunks and of their retries; one read."""
        retries = "|".join(re.escape(f"{member}~") for member in members)
        wanted = [{"members": {"$in": list(members)}}, {"members": {"$regex": f"^(?:{retries})"}}]
        if len(members) == 1:  # a prefix that the index is good for
            wanted[1] = {"members": {"$regex": f"^{retries}"}}
        found = await self._read([{"$match": {"$or": wanted}}, KEY, KEPT])
        heads = tuple(f"{member}~" for member in members)
        return _story(found, lambda part: part["member"] in members or part["member"].startswith(heads))

    async def in_send(self, send: str) -> Story:
        """What is known of a whole send, for one of few chunks; one read."""
        found = await self._read([{"$match": {"sends": send}}, KEY, KEPT])
        return _story(found, lambda part: part["send"] == send)

    async def naming(self, send: str, device: bytes) -> Story:
        """The chunks of a send that name this device, wherever they are; one read."""
        lists = [{"undelivered.device": Binary(device)}, {"owed.devices": Binary(device)}]
        named = {"sends": send, "$or": [{f"parts.{key}": value} for one in lists for key, value in one.items()]}
        receipts: list[dict[str, Any]] = [
            {"$match": {"sends": send, "parts.devices": {"$regex": re.escape(b64(device))}}},
            {"$lookup": {"from": "records", "localField": "record", "foreignField": "_id", "as": "of"}},
            {"$match": {"$expr": {"$in": ["$by", "$of.by"]}}},
            {"$addFields": {"_id": "$record", "beside": [{"parts": "$parts"}], "parts": {"$first": "$of.parts"}}},
            {"$project": {"of": 0}},
        ]
        found = await self._read([{"$match": named}, {"$unionWith": {"coll": "receipts", "pipeline": receipts}}])
        return _story(found, lambda part: part["send"] == send)

    async def page(self, send: str, after: str, records: int) -> tuple[Story, str | None]:
        """Some records of a send in the order of their ids, and the id of the last one; None: there are no more."""
        stages: list[dict[str, Any]] = [
            {"$match": {"sends": send, "_id": {"$gt": after}}}, {"$sort": {"_id": 1}}, {"$limit": records}, KEY, KEPT,
        ]  # fmt: skip
        found = await self._read(stages)
        more = found[-1]["_id"] if len(found) == records else None
        return _story(found, lambda part: part["send"] == send), more

    async def of_records(self, records: Iterable[tuple[str, str]]) -> dict[str, Receipts]:
        """The receipts beside records, given by id and `by`; by member."""
        keys = [f"{record}|{by}" for record, by in records]
        found = await self._receipts.find({"_id": {"$in": keys}}).to_list(None)
        return {part["member"]: _receipts(part) for one in found for part in one["parts"]}

    async def forget(self, send: str) -> None:
        """Removes a send's receipts."""
        await self._receipts.update_many({"sends": send}, {"$pull": {"sends": send, "parts": {"send": send}}})
        await self._receipts.delete_many({"sends": []})

    async def _read(self, stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return await (await self._records.aggregate(stages)).to_list()


def _story(found: Sequence[Mapping[str, Any]], wanted: Any) -> Story:
    parts = {part["member"]: part for one in found for part in one["parts"] if wanted(part)}
    kept = [part for one in found for beside in one.get("beside", ()) for part in beside["parts"]]
    return Story(
        tuple(Part.model_validate(part) for _, part in sorted(parts.items())),
        {part["member"]: _receipts(part) for part in kept if part["member"] in parts},
    )


def _receipts(part: Mapping[str, Any]) -> Receipts:
    runs = tuple((n, at) for n, at in part["runs"])
    return Receipts(part["member"], part["send"], part["devices"], runs, bytes(part["names"]))
