"""Reports of planned sends: written over by each sum while the send runs, final when it is finished.

{_id: send key, app, state, body: the `Report` as JSON, at, finished_at, told, full: the `FullReport` as JSON, once
it is final}. A small send has none, until its records go: it is derived.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shared.flow.full_report import FullReport
from shared.flow.identity import split_send_key
from shared.flow.report import Report


class Reports:
    """The collection `reports`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._reports = database["reports"]

    async def ensure(self) -> None:
        """Only `_id` is needed."""

    async def get(self, key: str) -> Report | None:
        """The last sum of a send, or None if none was written yet."""
        found = await self._reports.find_one({"_id": key}, {"body": 1})
        return Report.model_validate_json(found["body"]) if found else None

    async def dated(self, key: str) -> tuple[Report, datetime] | None:
        """The last sum of a send and when it was written, or None."""
        found = await self._reports.find_one({"_id": key}, {"body": 1, "at": 1})
        return (Report.model_validate_json(found["body"]), found["at"]) if found else None

    async def many(self, keys: Iterable[str]) -> dict[str, Report]:
        """The last sums of these sends, by key."""
        found = self._reports.find({"_id": {"$in": list(keys)}}, {"body": 1})
        return {one["_id"]: Report.model_validate_json(one["body"]) for one in await found.to_list(None)}

    async def write(self, key: str, report: Report, now: datetime) -> bool:
        """Writes a sum unless the send's report is final; True if this one made it final."""
        document = {
            "app": split_send_key(key)[0],
            "state": report.state,
            "at": now,
            "finished_at": report.finished_at,
            "told": False,
            "body": report.model_dump_json(exclude_defaults=True).encode(),
        }
        try:
            done = await self._reports.update_one(
                {"_id": key, "state": {"$ne": "finished"}}, {"$set": document}, upsert=True
            )
        except DuplicateKeyError:  # it is final: late results of a finished send change nothing
            return False
        return report.state == "finished" and (done.modified_count == 1 or done.upserted_id is not None)

    async def told(self, key: str, full: FullReport | None = None) -> None:
        """The event of a final report has been told; the full one is kept with it."""
        kept = {"full": full.model_dump_json(exclude_defaults=True).encode()} if full is not None else {}
        await self._reports.update_one({"_id": key}, {"$set": {"told": True, **kept}})

    async def keep(self, key: str, report: Report, full: FullReport, now: datetime) -> None:
        """The final report of a send whose records go; one that was final stays, the full one is as it is now."""
        final = {
            "app": split_send_key(key)[0], "state": "finished", "at": now, "finished_at": report.finished_at,
            "told": True, "body": report.model_dump_json(exclude_defaults=True).encode(),
        }  # fmt: skip
        whole = {"full": full.model_dump_json(exclude_defaults=True).encode()}
        await self._reports.update_one({"_id": key}, {"$setOnInsert": final, "$set": whole}, upsert=True)

    async def full(self, key: str) -> FullReport | None:
        """The full report of a send that is finished, or None."""
        found = await self._reports.find_one({"_id": key, "state": "finished"}, {"full": 1})
        return FullReport.model_validate_json(found["full"]) if found and "full" in found else None

    async def is_told(self, key: str) -> bool:
        """Whether the report is final and its event has been told: nothing is owed to this send any more."""
        found = await self._reports.find_one({"_id": key, "state": "finished", "told": True}, {"_id": 1})
        return found is not None
