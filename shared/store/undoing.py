"""Undoes by range of time what hygiene did to devices, and counts the marks that it left. See `quarantine`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from bson import Binary
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

HELD: Final = {"quarantine.condemned": {"$in": [False, True]}}
"""As the index has it."""
Reasons = Counter[tuple[str, str]]
"""Devices by variant and reason."""
Mark = Literal["retired", "quarantined", "condemned"]


@dataclass(frozen=True, slots=True)
class Marked:
    """How many devices of a variant bear a mark, by reason."""

    variant: str
    mark: Mark
    reason: str
    devices: int


@dataclass(frozen=True, slots=True)
class Span:
    """From then to then, both included; of one variant of an app, or of all."""

    app: str
    start: datetime
    end: datetime
    variant: str | None = None


class Undoing:
    """The collection `devices`, as one sees it who takes back a mistake."""

    INDEXES: Final = (
        IndexModel(
            [("app", 1), ("retired.at", 1), ("_id", 1)], partialFilterExpression={"retired.at": {"$exists": True}}
        ),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._devices = database["devices"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._devices.create_indexes(list(self.INDEXES))

    async def restore(self, span: Span, now: datetime, most: int) -> Reasons:
        """Back into service: at most so many of the devices that were retired in this time; why they had been."""
        where: dict[str, Any] = {"app": span.app, "retired.at": {"$gte": span.start, "$lte": span.end}}
        where |= {"variant": span.variant} if span.variant else {}
        return await self._undo("retired", where, now, most)

    async def release(self, span: Span, variants: Sequence[str], now: datetime, most: int) -> Reasons:
        """Out of quarantine: at most so many of the devices of these variants that were put there in this time."""
        at = {"$gte": span.start, "$lte": span.end}
        where = {**HELD, "variant": {"$in": list(variants)}, "app": span.app, "quarantine.at": at}
        return await self._undo("quarantine", where, now, most)

    async def _undo(self, mark: str, where: dict[str, Any], now: datetime, most: int) -> Reasons:
        """`restored_at` outlives every finding that was seen before: a result that comes twice undoes nothing."""
        found = await self._devices.find(where, {"variant": 1, f"{mark}.reason": 1}, limit=most).to_list(None)
        some = {**where, "_id": {"$in": [one["_id"] for one in found]}}
        change = {"$unset": {"retired": "", "quarantine": ""}, "$set": {"live": True, "restored_at": now}}
        done = (await self._devices.update_many(some, change)).modified_count
        reasons = Counter((one["variant"], str(one[mark]["reason"])) for one in found)
        while reasons.total() > done:  # some registered again between our look and our change; who, nobody knows
            reasons.subtract([next(iter(+reasons))])
        return +reasons

    async def retired(
        self, app: str, variants: Sequence[str], reason: str | None, after: tuple[datetime, bytes] | None, most: int
    ) -> list[dict[str, Any]]:
        """Devices of these variants out of service, in the order in which they went, behind time and id of one."""
        where: dict[str, Any] = {"app": app, "retired.at": {"$exists": True}, "variant": {"$in": list(variants)}}
        if reason is not None:
            where["retired.reason"] = reason
        if after is not None:
            at, device = after
            later = [{"retired.at": {"$gt": at}}, {"retired.at": at, "_id": {"$gt": Binary(device)}}]
            where = {**where, "retired.at": {"$gte": at}, "$or": later}
        fields = {"variant": 1, "user": 1, "retired": 1, "registered_at": 1}
        found = self._devices.find(where, fields, limit=most).sort([("retired.at", 1), ("_id", 1)])
        return await found.to_list(None)

    async def marked(self, app: str, variants: Sequence[str]) -> list[Marked]:
        """How many devices of these variants of an app bear which mark, by reason."""
        gone = {"app": app, "retired.at": {"$exists": True}, "variant": {"$in": list(variants)}}
        held = {**HELD, "variant": {"$in": list(variants)}, "app": app}
        found = await self._counted(gone, "retired") + await self._counted(held, "quarantine")
        return [Marked(one["variant"], _mark(one.get("condemned")), one["reason"], one["n"]) for one in found]

    async def _counted(self, where: dict[str, Any], mark: str) -> list[dict[str, Any]]:
        by = {"variant": "$variant", "reason": f"${mark}.reason", "condemned": f"${mark}.condemned"}
        stages: list[dict[str, Any]] = [{"$match": where}, {"$group": {"_id": by, "n": {"$sum": 1}}}]
        return [{**one["_id"], "n": one["n"]} for one in await (await self._devices.aggregate(stages)).to_list()]


def _mark(condemned: bool | None) -> Mark:  # noqa: FBT001  # as the row has it
    return "retired" if condemned is None else "condemned" if condemned else "quarantined"
