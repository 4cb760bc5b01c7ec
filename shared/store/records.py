"""Chunk records: a chunk is closed by one insert, and the first insert wins.

{_id: first member, by, at, members: [...], sends: [...], parts: [{member, send, app, variant, platform, matched, ...}]}
`members` has a unique index across all records, so no chunk can be closed twice, in a bundle or alone.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from shared.flow.course import Course
from shared.flow.identity import member_id, retry_slice_id
from shared.flow.record import Part, Record
from shared.flow.report import Sum
from shared.store.courses import coursed, courses, with_course
from shared.store.errors import Lost
from shared.store.receipts import ReceiptBook
from shared.store.sums import summed, sums

LISTS: Final = {"parts.undelivered": 0, "parts.owed.devices": 0}
"""What a sum does not need."""


class Records:
    """The collection `records`. What is derived from a record is read with majority."""

    INDEXES: Final = (IndexModel([("members", 1)], unique=True), IndexModel([("sends", 1)]), IndexModel([("at", 1)]))

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._records = database["records"]
        self._durable = self._records.with_options(read_concern=ReadConcern("majority"))
        self._receipts = ReceiptBook(database)

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._records.create_indexes(list(self.INDEXES))

    async def insert(self, record: Record) -> None:
        """Closes the record's chunks with majority; may be repeated after an outcome that is unknown.

        Raises `Lost` with the members that another record closed before.
        """
        document = {
            "_id": record.id,
            "by": record.by,
            "at": record.at,
            "members": [part.member for part in record.parts],
            "sends": sorted({part.send for part in record.parts}),
            "parts": [part.model_dump(mode="python") for part in record.parts],
        }
        if any(part.receipts is not None for part in record.parts):
            document["kept"] = True
        try:
            await self._records.insert_one(document)
        except DuplicateKeyError as error:
            if await self._durable.find_one({"_id": record.id, "by": record.by}, {"_id": 1}) is None:
                raise Lost(await self.closed(part.member for part in record.parts)) from error

    async def closed(self, members: Iterable[str]) -> set[str]:
        """Which of these chunks have a record."""
        wanted = set(members)
        found = self._durable.find({"members": {"$in": list(wanted)}}, {"_id": 0, "members": 1})
        return {member for one in await found.to_list(None) for member in one["members"]} & wanted

    async def part(self, member: str) -> Part | None:
        """What the record of this chunk says, or None as long as there is none."""
        found = await self._durable.find_one({"members": member}, {"parts": {"$elemMatch": {"member": member}}})
        return Part.model_validate(found["parts"][0]) if found else None

    async def parts(self, members: Iterable[str]) -> dict[str, Part]:
        """What the records of these chunks say, by member; one read."""
        wanted = set(members)
        found = self._durable.find({"members": {"$in": list(wanted)}}, {"parts": 1})
        return {
            part["member"]: Part.model_validate(part)
            for one in await found.to_list(None)
            for part in one["parts"]
            if part["member"] in wanted
        }

    async def of_send(self, send: str) -> list[Part]:
        """Every chunk of a send that is closed, without the lists of devices."""
        return (await self.of_sends([send]))[send]

    async def of_sends(self, sends: Iterable[str]) -> dict[str, list[Part]]:
        """The same for several sends; one read."""
        parts: dict[str, list[Part]] = {send: [] for send in sends}
        found = self._durable.find({"sends": {"$in": list(parts)}}, LISTS)
        for one in await found.to_list(None):
            for part in one["parts"]:
                if part["send"] in parts:
                    owed = [{**debt, "devices": ()} for debt in part["owed"]]
                    parts[part["send"]].append(Part.model_validate({**part, "owed": owed}))
        return parts

    async def sum(self, send: str) -> Sum:
        """The sum of a send's records, added up by the store: 20,000 chunks in about 0.1 s instead of 0.6 s."""
        found = await (await self._durable.aggregate(sums(send))).to_list()
        return summed(found[0]["chunks"], found[0]["counts"]) if found else Sum()

    async def course(self, send: str, since: datetime, step: timedelta) -> Course:
        """How a send went over time, added up by the store as well."""
        found = await (await self._durable.aggregate(courses(send, since, step))).to_list()
        return coursed(found[0]) if found else Course()

    async def sum_and_course(self, send: str, since: datetime, step: timedelta) -> tuple[Sum, Course]:
        """Both of the same records, so that they fit together while more are made."""
        found = await (await self._durable.aggregate(with_course(sums(send), since, step))).to_list()
        return (summed(found[0]["chunks"], found[0]["counts"]), coursed(found[0])) if found else (Sum(), Course())

    async def ids(self, send: str) -> list[str]:
        """The records that hold a chunk of this send."""
        found = self._durable.find({"sends": send}, {"_id": 1})
        return [one["_id"] for one in await found.to_list(None)]

    async def ids_of_sends(self, sends: Iterable[str]) -> dict[str, set[str]]:
        """The same for several sends; one read."""
        ids: dict[str, set[str]] = {send: set() for send in sends}
        found = self._durable.find({"sends": {"$in": list(ids)}}, {"sends": 1})
        for one in await found.to_list(None):
            for send in ids.keys() & set(one["sends"]):
                ids[send].add(one["_id"])
        return ids

    async def read(self, records: Iterable[str]) -> dict[str, list[Part]]:
        """Everything that these records say, with the receipts beside them, by record; one that is not visible with
        majority yet is left out.
        """
        found = await self._durable.find({"_id": {"$in": list(records)}}, {"parts": 1, "kept": 1, "by": 1}).to_list(
            None
        )
        kept = [(one["_id"], one["by"]) for one in found if one.get("kept")]
        receipts = await self._receipts.of_records(kept) if kept else {}
        return {
            one["_id"]: [
                Part.model_validate(
                    {**part, "receipts": receipts[part["member"]]} if part["member"] in receipts else part
                )
                for part in one["parts"]
            ]
            for one in found
        }

    async def debts(self, send: str) -> list[tuple[str, int, datetime, bool]]:
        """Of every retry that a send's records name: member, step, due time, and whether no wait queue brings it."""
        found = self._durable.find({"sends": send, "parts.owed.0": {"$exists": True}}, LISTS)
        return [
            (part["member"], debt["step"], debt["due"], debt["stored"])
            for one in await found.to_list(None)
            for part in one["parts"]
            if part["send"] == send
            for debt in part["owed"]
        ]

    async def waiting(self, send: str, reasons: Iterable[str]) -> int:
        """How many devices a send owes another attempt for these reasons, and for no retry that has a record."""
        owed: list[dict[str, Any]] = [
            {"$match": {"sends": send, "parts.owed.reason": {"$in": list(reasons)}}},
            {"$unwind": "$parts"},
            {"$match": {"parts.send": send}},
            {"$unwind": "$parts.owed"},
            {"$match": {"parts.owed.reason": {"$in": list(reasons)}}},
            {"$project": {
                "_id": 0, "member": "$parts.member", "step": "$parts.owed.step", "n": {"$size": "$parts.owed.devices"},
            }},
        ]  # fmt: skip
        found = await (await self._durable.aggregate(owed)).to_list()
        by_retry = {member_id(retry_slice_id(one["member"], one["step"]), 0): one["n"] for one in found}
        closed = await self.closed(by_retry) if by_retry else set()
        return sum(n for member, n in by_retry.items() if member not in closed)

    async def forget(self, send: str) -> None:
        """Removes what the records say of a send, and those that say nothing else."""
        pulled = {"sends": send, "parts": {"send": send}, "members": {"$regex": f"^{re.escape(send)}\\."}}
        await self._records.delete_many({"sends": [send]})
        await self._records.update_many({"sends": send}, {"$pull": pulled})

    async def recorded_members(self, send: str) -> set[str]:
        """Every chunk of a send that has a record."""
        found = self._durable.find({"sends": send}, {"_id": 0, "members": 1})
        return {m for one in await found.to_list(None) for m in one["members"] if m.startswith(send + ".")}
